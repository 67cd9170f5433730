#include "tensor/dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hone::tensor {
namespace {

std::array<float, 256> make_map(bool with_sign) {
  std::vector<float> values = {0.0f, 1.0f};
  for (int i = 0; i < 7; ++i) {
    const int intervals = with_sign ? 1 << i : 2 << i, half = (intervals + 1) / 2;
    const float width = (1.0f - 0.1f) / static_cast<float>(intervals);
    // From the nearer end and with one rounding, as linspace does it: the last bit counts.
    const auto border = [&](int k) {
      return k < half ? std::fma(width, static_cast<float>(k), 0.1f)
                      : std::fma(-width, static_cast<float>(intervals - k), 1.0f);
    };
    const auto power = static_cast<float>(std::pow(10.0, i - 6));
    for (int k = 0; k < intervals; ++k) {
      const float middle = power * ((border(k) + border(k + 1)) / 2.0f);
      values.push_back(middle);
      if (with_sign) values.push_back(-middle);
    }
  }
  std::sort(values.begin(), values.end());
  std::array<float, 256> map{};
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

NearestCodes make_nearest(const std::array<float, 256>& map) {
  NearestCodes nearest{};
  size_t code = 0;
  for (size_t i = 0; i < nearest.size(); ++i) {
    const float value = -1.0f + (2.0f * static_cast<float>(i)) / static_cast<float>(nearest.size() - 1);
    while (code + 1 < map.size() && 0.5f * (map[code] + map[code + 1]) < value) ++code;
    nearest[i] = static_cast<uint8_t>(code);
  }
  return nearest;
}

}  // namespace

const std::array<float, 256>& dynamic_map(bool with_sign) {
  static const std::array<float, 256> plus_and_minus = make_map(true), plus = make_map(false);
  return with_sign ? plus_and_minus : plus;
}

const NearestCodes& nearest_codes(bool with_sign) {
  static const NearestCodes plus_and_minus = make_nearest(dynamic_map(true)), plus = make_nearest(dynamic_map(false));
  return with_sign ? plus_and_minus : plus;
}

}  // namespace hone::tensor
