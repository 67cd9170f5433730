#include "serve/legacy/event_streams.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>

#include "base/terminal.h"
#include "net/sse.h"
#include "serve/api_error.h"
#include "serve/legacy/fine_tune_json.h"

namespace hone::serve {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);
constexpr size_t kMostAtOnce = 500;  // the output buffer is not to overflow while the client reads
constexpr int kSilentLooks = 75;     // 15 s: then a comment, so that nothing between us takes the stream for dead

}  // namespace

EventStreams::~EventStreams() {
  stop();
}

void EventStreams::follow(const std::string& job, net::Responder& responder) {
  const std::lock_guard lock(mutex_);
  if (stopping_) throw shutting_down();
  arrived_.push_back({.job = job, .stream = responder.stream(200, {{"cache-control", "no-cache"}})});
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void EventStreams::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EventStreams::work() {
  std::vector<Follower> followers;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto woken = [this] { return stopping_ || !arrived_.empty(); };
      if (followers.empty())
        changed_.wait(lock, woken);
      else
        changed_.wait_for(lock, kLook, woken);
      if (stopping_) return arrived_.clear();
      std::move(arrived_.begin(), arrived_.end(), std::back_inserter(followers));
      arrived_.clear();
    }
    try {
      std::erase_if(followers, [this](Follower& follower) { return !look(follower); });
    } catch (const std::exception& error) {  // a database that does not answer now may answer later
      say(std::string("event streams: ") + error.what());
    }
  }
}

bool EventStreams::look(Follower& follower) {
  // The status first: a job ends together with its last event, so what is read next holds that one.
  const auto job = records_.job(follower.job);
  const bool ended = !job || status::is_final(job->status);
  const std::vector<EventRecord> events = records_.events_after(follower.job, follower.serial);
  ++follower.silent;
  for (const EventRecord& event : std::span(events).first(std::min(events.size(), kMostAtOnce))) {
    follower.serial = event.serial;
    follower.silent = 0;
    if (!follower.stream->write(net::sse_event(to_line(fine_tune_event_json(event))))) return false;
  }
  if (events.size() > kMostAtOnce) return true;
  if (ended) {
    follower.stream->write(net::sse_event("[DONE]"));
    follower.stream->close();
    return false;
  }
  if (follower.silent < kSilentLooks) return true;
  follower.silent = 0;
  return follower.stream->write(net::sse_comment());
}

}  // namespace hone::serve
