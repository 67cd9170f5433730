// A job as it goes on: its events, each once, and its state, until it is over.
#pragma once
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "client/fine_tune.h"

namespace hone::client {

/// Hands out the events of one job, the oldest first, each once however often it is asked.
class EventTail {
 public:
  EventTail(FineTune& server, std::string job) : server_(server), job_(std::move(job)) {}
  /// Those that are new since the last call that returned; all of them at the first. One that throws may be repeated.
  std::vector<Event> read();

 private:
  FineTune& server_;
  std::string job_;
  std::unordered_set<std::string> seen_;
};

struct FollowOptions {
  double interval_seconds = 1;
  /// How long a server may be away, or answer with 429 and 5xx, before that is an error.
  double patience_seconds = 600;
  std::function<bool()> stopped;                                         ///< true: return at once, the job goes on
  std::function<void(const Job&, const std::vector<Event>&)> on_change;  ///< after each look, new events or none
  std::function<void(const Error&)> on_trouble;                          ///< once for each time the server goes away
};

/// Follows `job` and returns its last state: over, unless `stopped` ended it. What the server refuses at the first look
/// (an unknown job, a wrong key, no server) throws at once.
Job follow(FineTune& server, const std::string& job, const FollowOptions& options);

}  // namespace hone::client
