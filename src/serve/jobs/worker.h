// A training run as a child process: `hone train` with limits. It dies with the server, so that two never write into
// one folder; what it has saved is gone on from.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace hone::serve {

struct WorkerLimits {
  int threads = 0;           ///< of the arithmetic; 0: all cores
  int nice = 10;             ///< answers come before training
  int64_t memory_bytes = 0;  ///< of private memory (RLIMIT_DATA); 0: no limit
  int64_t seconds = 0;       ///< of processor time (RLIMIT_CPU); 0: no limit
};

class Worker {
 public:
  /// Starts `hone train folder/config.yaml --resume --json`; what it tells people goes to folder/log.txt.
  /// Must be called by a thread that lives as long as the worker: the kernel ends a child with the thread that made it.
  Worker(const std::filesystem::path& folder, const WorkerLimits& limits);
  /// Kills and waits.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  struct Exit {
    int code = 0;    ///< of exit(), if `signal` is 0
    int signal = 0;  ///< that ended it
  };
  /// How it ended, once it has; does not wait.
  std::optional<Exit> ended();
  /// What it has written for programs so far. It is held in memory: a full disk must not keep it from saying so.
  std::string output() const;
  /// Asks it to save a checkpoint and end, which it does between two steps.
  void stop();
  void kill();

 private:
  int output_ = -1;
  pid_t process_ = -1;
  std::optional<Exit> exit_;
};

}  // namespace hone::serve
