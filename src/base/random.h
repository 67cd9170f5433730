// Counter-based random numbers (Philox4x32-10, Salmon et al., SC'11, "Parallel random numbers: as
// easy as 1, 2, 3"). A value depends on (seed, stream, position) alone, so results do not depend on
// threads, and resuming needs no stored state beyond those numbers.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace hone {

/// The four 32-bit words of Philox4x32-10 for one counter and key.
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0], b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// A sequence of numbers named by (seed, stream); `position` counts 32-bit words and can be set.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed, uint64_t stream = 0, uint64_t position = 0)
      : seed_(seed), stream_(stream), position_(position) {}

  uint32_t next_u32();
  uint64_t next_u64();
  /// Uniform in [0, 1) with 53 random bits.
  double uniform();
  /// Uniform in [0, bound) without bias; bound > 0.
  uint64_t below(uint64_t bound);
  /// Standard normal (Box-Muller).
  double normal();
  uint64_t position() const { return position_; }

 private:
  uint64_t seed_, stream_, position_;
};

/// A permutation of 0 … n-1 (Fisher-Yates) named by (seed, stream).
std::vector<uint32_t> permutation(uint32_t n, uint64_t seed, uint64_t stream);

}  // namespace hone
