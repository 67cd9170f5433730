#include "base/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace hone {

uint32_t RandomStream::next_u32() {
  const uint64_t block = position_ / 4;
  const auto words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                             static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                            {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
  return words[position_++ % 4];
}

uint64_t RandomStream::next_u64() {
  const uint64_t low = next_u32();
  return low | uint64_t{next_u32()} << 32;
}

double RandomStream::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1p-53;
}

uint64_t RandomStream::below(uint64_t bound) {
  const uint64_t limit = -bound % bound;  // 2^64 mod bound: values below it would be favoured
  uint64_t value = next_u64();
  while (value < limit) value = next_u64();
  return value % bound;
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::vector<uint32_t> permutation(uint32_t n, uint64_t seed, uint64_t stream) {
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  RandomStream random(seed, stream);
  for (uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace hone
