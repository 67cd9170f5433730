// Which tokens a sequence holds so far: what the penalties look at.
#pragma once
#include <cstdint>
#include <span>
#include <unordered_map>

namespace hone::generate {

/// Counts by token, kept up as the sequence grows.
class TokenCounts {
 public:
  struct Count {
    bool in_prompt = false;
    uint32_t generated = 0;
  };

  TokenCounts() = default;
  explicit TokenCounts(std::span<const int32_t> prompt) {
    for (const int32_t id : prompt) counts_[id].in_prompt = true;
  }
  void add(int32_t generated) { ++counts_[generated].generated; }
  const std::unordered_map<int32_t, Count>& all() const { return counts_; }

 private:
  std::unordered_map<int32_t, Count> counts_;
};

}  // namespace hone::generate
