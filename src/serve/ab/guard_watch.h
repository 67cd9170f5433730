// Looks at the guard rails of experiments that have new observations, on a thread of its own.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace hone::serve {

class GuardWatch {
 public:
  /// `look` at one experiment; what it throws is tried again with the next observation.
  explicit GuardWatch(std::function<void(const std::string& experiment)> look);
  ~GuardWatch();
  GuardWatch(const GuardWatch&) = delete;
  GuardWatch& operator=(const GuardWatch&) = delete;

  /// Returns at once. However many observations come, looking takes at most a twentieth of a core: after each look an
  /// experiment rests for twenty times as long as that took.
  void notice(const std::set<std::string>& experiments);

 private:
  using Clock = std::chrono::steady_clock;
  void work();

  std::function<void(const std::string&)> look_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> noticed_;
  std::map<std::string, Clock::time_point> rests_until_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::serve
