// Vectors as openai's clients ask for them: base64 (RFC 4648, section 4) of little-endian float32.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hone::serve {

inline std::string base64(std::span<const std::byte> bytes) {
  constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8U | (i + j < bytes.size() ? std::to_integer<uint32_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? kLetters[group >> (18U - 6U * j) & 63U] : '=';
  }
  return text;
}

inline std::string base64_of_floats(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little, "the bytes of a float go out as they lie");
  return base64(std::as_bytes(values));
}

}  // namespace hone::serve
