#include "net/admission.h"

namespace hone::net {

Admission::Verdict Admission::enter(const std::string& network) {
  const std::lock_guard lock(mutex_);
  const auto found = by_network_.find(network);
  const int same = found == by_network_.end() ? 0 : found->second;
  if (served_ < connections_ && (per_network_ == 0 || same < per_network_)) {
    ++served_;
    ++by_network_[network];
    return Verdict::kServe;
  }
  if (refused_ == kMostRefusals) return Verdict::kDrop;
  ++refused_;
  return Verdict::kRefuse;
}

void Admission::leave(const std::string& network, Verdict verdict) {
  const std::lock_guard lock(mutex_);
  if (verdict == Verdict::kRefuse) {
    --refused_;
    return;
  }
  --served_;
  const auto found = by_network_.find(network);
  if (--found->second == 0) by_network_.erase(found);
}

}  // namespace hone::net
