// The queue of jobs. Whoever changes a job's status in its table (the API to cancelled or paused, this to the rest) has
// decided it; a worker whose job no longer runs is stopped. One thread checks their data, runs one worker at a time,
// turns what it writes into events, checkpoints and models, and goes on after a restart where the last server ended.
// Everything that a client can see is in the tables: a job's step and its events change in one transaction, so a kill
// at any moment leaves neither a step without its event nor an event twice.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "serve/catalog.h"
#include "serve/files/files.h"
#include "serve/jobs/worker.h"

namespace hone::serve {

struct JobSettings {
  std::filesystem::path folder;  ///< of the jobs; each has one below it
  std::filesystem::path models;  ///< of what they make
  WorkerLimits limits;
  double learning_rate = 2e-4;      ///< what a multiplier of 1 means, supervised
  double dpo_learning_rate = 5e-6;  ///< the same, dpo
  int64_t lora_rank = 16, max_length = 2048;
  int64_t max_queued = 64;   ///< of one owner; more are refused with 429
  double save_seconds = 30;  ///< a worker that is killed has to do again what it did in at most this time
  std::string compute_dtype = "auto";
  std::string quantization;  ///< what the base is brought to, as it is served: nf4, fp4, int8 or "" (as it lies)
  bool double_quant = false;
  std::string chat_template;  ///< the one that answers are asked with, where it is not the model's own: file or name
};

class JobRun;

class Supervisor {
 public:
  /// All must outlive this.
  Supervisor(Records& records, Files& files, Catalog& catalog, JobSettings settings);
  ~Supervisor();  ///< stop()

  /// Takes up what a server before left, then works in a thread of its own. Nothing may be published yet.
  void start();
  /// Asks the worker to save, waits for it a while, ends. A running job goes on at the next start.
  void stop();
  /// There is something new to do.
  void wake();

  const JobSettings& settings() const { return settings_; }
  std::filesystem::path folder_of(const std::string& job) const { return settings_.folder / job; }

 private:
  void work();
  void take_up();
  /// False where there was nothing to do.
  bool one_round();
  void watch();
  /// True when the server ends; looks at the running worker where that is due.
  bool look_up();
  void validate(JobRecord job);
  void begin(JobRecord job);
  void run(JobRecord job);
  void troubled(const std::exception& error);

  Records& records_;
  Files& files_;
  Catalog& catalog_;
  JobSettings settings_;
  std::unique_ptr<JobRun> run_;
  std::chrono::steady_clock::time_point looked_;
  std::string at_work_on_, trouble_;  ///< a job's id; what the last round failed by, or ""
  int troubles_ = 0;                  ///< rounds in a row that failed by the job, not by database or disk
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::atomic<bool> stopping_ = false;
};

}  // namespace hone::serve
