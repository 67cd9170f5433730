#include "serve/ab/guard_watch.h"

#include <algorithm>

namespace hone::serve {
namespace {

constexpr int kRestPerLook = 20;
constexpr auto kLeastRest = std::chrono::milliseconds(50);

}  // namespace

GuardWatch::GuardWatch(std::function<void(const std::string&)> look)
    : look_(std::move(look)), thread_([this] { work(); }) {}

GuardWatch::~GuardWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void GuardWatch::notice(const std::set<std::string>& experiments) {
  {
    const std::lock_guard lock(mutex_);
    noticed_.insert(experiments.begin(), experiments.end());
  }
  changed_.notify_all();
}

void GuardWatch::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const Clock::time_point now = Clock::now();
    std::erase_if(rests_until_, [&](const auto& rest) { return rest.second <= now; });
    const auto due = std::find_if(noticed_.begin(), noticed_.end(),
                                  [&](const std::string& id) { return !rests_until_.contains(id); });
    if (due == noticed_.end()) {
      if (noticed_.empty())
        changed_.wait(lock);
      else
        changed_.wait_for(lock, kLeastRest);
      continue;
    }
    const std::string id = std::move(noticed_.extract(due).value());
    lock.unlock();
    try {
      look_(id);
    } catch (const std::exception&) {
      // A database that is away: the next observation asks again.
    }
    const Clock::time_point after = Clock::now();
    lock.lock();
    rests_until_[id] = after + std::max<Clock::duration>(kLeastRest, kRestPerLook * (after - now));
  }
}

}  // namespace hone::serve
