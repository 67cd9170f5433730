// The 8-bit "dynamic" data type (Dettmers 2016), as bitsandbytes computes it on a CPU: what scales of 4-bit weights
// and moments of 8-bit optimisers are stored in, in blocks of 256 with their largest magnitude as scale.
#pragma once
#include <array>
#include <cstdint>

namespace hone::tensor {

constexpr int64_t kEightBitBlock = 256;

/// The 256 values of the dynamic data type, rising, in [-1, 1] or (unsigned) [0, 1]: for i = 0 … 6, the middles of 2^i
/// (unsigned 2^(i+1)) equal intervals of [0.1, 1] times 10^(i-6), with either sign (unsigned: plus), and 0 and 1.
const std::array<float, 256>& dynamic_map(bool with_sign);

/// For each of 65,536 equal steps over [-1, 1] the code whose value is nearest; between two, the lower.
using NearestCodes = std::array<uint8_t, 65536>;
const NearestCodes& nearest_codes(bool with_sign);

}  // namespace hone::tensor
