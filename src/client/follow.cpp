#include "client/follow.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

namespace hone::client {
namespace {

using Clock = std::chrono::steady_clock;

/// Sleeps in short pieces, so that a signal is heard.
void wait(double seconds, const FollowOptions& options) {
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (Clock::now() < until && !(options.stopped && options.stopped()))
    std::this_thread::sleep_for(std::min<Clock::duration>(std::chrono::milliseconds(50), until - Clock::now()));
}

bool may_pass(const Error& error) {
  return dynamic_cast<const net::NoAnswer*>(&error) != nullptr ||
         (dynamic_cast<const ApiError*>(&error) != nullptr && error.kind() == ErrorKind::kFailure);
}

/// Retries are the loop's own here: it can be stopped, and says once what is wrong.
class WithoutRetries {
 public:
  explicit WithoutRetries(FineTune& server) : server_(server), before_(server.retries()) { server.set_retries(0); }
  ~WithoutRetries() { server_.set_retries(before_); }
  WithoutRetries(const WithoutRetries&) = delete;
  WithoutRetries& operator=(const WithoutRetries&) = delete;

 private:
  FineTune& server_;
  int before_;
};

}  // namespace

std::vector<Event> EventTail::read() {
  constexpr int64_t kPage = 100;
  std::vector<Event> fresh;
  std::unordered_set<std::string> ids;
  std::string after;
  for (bool more = true; more;) {
    Page<Event> page = server_.events(job_, kPage, after);
    more = page.has_more && !page.items.empty();
    if (!page.items.empty()) after = page.items.back().id;
    for (Event& event : page.items) {
      if (seen_.contains(event.id)) {
        more = false;  // behind it all are known
      } else if (ids.insert(event.id).second) {
        fresh.push_back(std::move(event));
      }
    }
  }
  seen_.merge(ids);
  std::reverse(fresh.begin(), fresh.end());
  return fresh;
}

Job follow(FineTune& server, const std::string& id, const FollowOptions& options) {
  Job job = server.retrieve(id);
  const WithoutRetries scope(server);
  EventTail tail(server, id);
  std::optional<Clock::time_point> away_since;
  for (;;) {
    try {
      job = server.retrieve(id);
      // Asked for after the state: once the job is over, these are all there will be.
      const std::vector<Event> events = tail.read();
      away_since.reset();
      if (options.on_change) options.on_change(job, events);
      if (job.ended()) return job;
    } catch (const Error& error) {
      if (!may_pass(error)) throw;
      if (!away_since) {
        away_since = Clock::now();
        if (options.on_trouble) options.on_trouble(error);
      } else if (std::chrono::duration<double>(Clock::now() - *away_since).count() > options.patience_seconds) {
        throw;
      }
    }
    wait(options.interval_seconds, options);
    if (options.stopped && options.stopped()) return job;
  }
}

}  // namespace hone::client
