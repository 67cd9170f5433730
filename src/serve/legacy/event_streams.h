// Events of jobs as they come, for any number of listening clients: one thread looks at the tables for all of them.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/responder.h"
#include "serve/records.h"

namespace hone::serve {

class EventStreams {
 public:
  explicit EventStreams(Records& records) : records_(records) {}
  ~EventStreams();  ///< stop()

  /// Sends all events of the job from the first one, then each new one, then [DONE] when the job has ended. The job
  /// must be in the tables. Throws ApiError(503) after stop().
  void follow(const std::string& job, net::Responder& responder);
  /// Cuts what still streams: its clients see that it was not whole.
  void stop();

 private:
  struct Follower {
    std::string job;
    std::shared_ptr<net::Stream> stream;
    int64_t serial = 0;  ///< of the last event sent
    int silent = 0;      ///< looks without an event
  };
  void work();
  /// False when there is nothing more to send.
  bool look(Follower& follower);

  Records& records_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Follower> arrived_;
  bool stopping_ = false;
  std::thread thread_;  // from the first follower on
};

}  // namespace hone::serve
