// How many connections there may be, in all and from one network.
#pragma once
#include <mutex>
#include <string>
#include <unordered_map>

namespace hone::net {

/// Any thread may call it.
class Admission {
 public:
  enum class Verdict {
    kServe,
    kRefuse,  ///< is told so
    kDrop     ///< is closed at once: too many are being told so already
  };
  /// `per_network` 0: as many as there may be in all.
  Admission(int connections, int per_network) : connections_(connections), per_network_(per_network) {}

  Verdict enter(const std::string& network);
  /// Once for each enter() that did not say kDrop.
  void leave(const std::string& network, Verdict verdict);

 private:
  static constexpr int kMostRefusals = 64;
  const int connections_, per_network_;
  std::mutex mutex_;
  int served_ = 0, refused_ = 0;
  std::unordered_map<std::string, int> by_network_;
};

}  // namespace hone::net
