// Which pairs of tokens merge, at which rank, into what: the one table that encoding looks into for
// every pair, so it is flat.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hone::text {

struct PairMerge {
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  uint32_t rank = kNone;
  int32_t id = -1;
};

class PairTable {
 public:
  explicit PairTable(size_t count) : slots_(std::bit_ceil(count * 3 / 2 + 2)) {
    shift_ = 64 - std::countr_zero(slots_.size());
  }

  /// A pair inserted again takes the new merge, as the reference does. At most `count` distinct pairs.
  void insert(int32_t left, int32_t right, PairMerge merge) {
    const uint64_t key = key_of(left, right);
    for (size_t i = start(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key != key && slots_[i].key != kFree) continue;
      slots_[i] = {key, merge};
      return;
    }
  }

  PairMerge find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t i = start(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kFree) return {};
    }
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  struct Slot {
    uint64_t key = kFree;
    PairMerge merge;
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t start(uint64_t key) const { return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> shift_); }

  std::vector<Slot> slots_;
  int shift_;
};

}  // namespace hone::text
