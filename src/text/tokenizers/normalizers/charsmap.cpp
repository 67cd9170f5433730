#include "text/tokenizers/normalizers/charsmap.h"

#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

constexpr size_t kBlock = 256;  // units; the writers of such arrays fill whole blocks
constexpr const char* kRemedy = "copy the file again from where the model came from";

/// RFC 4648 with padding, nothing else between.
std::string decode_base64(std::string_view text, const std::string& place) {
  static const std::array<int, 256> kDigits = [] {
    std::array<int, 256> digits{};
    digits.fill(-1);
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < alphabet.size(); ++i) {
      digits[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
    }
    return digits;
  }();
  size_t size = text.size();
  while (size > 0 && text.size() - size < 2 && text[size - 1] == '=') --size;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  for (size_t i = 0; i < size; ++i) {
    const int digit = kDigits[static_cast<unsigned char>(text[i])];
    if (digit < 0) fail_input(place, format("is not base64: byte %zu", i), kRemedy);
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 > 0) out.push_back(static_cast<char>(bits >> (6 - 2 * (i % 4)) & 0xFF));
  }
  if (text.size() % 4 != 0) fail_input(place, "is not base64: its length is no multiple of 4", kRemedy);
  return out;
}

uint32_t little_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

Charsmap::Charsmap(std::string_view base64, const std::string& place) {
  const std::string bytes = decode_base64(base64, place);
  if (bytes.size() < 4) fail_input(place, "is too short for a character map", kRemedy);
  const size_t size = little_endian(bytes, 0);
  if (size > bytes.size() - 4 || size == 0 || size % (4 * kBlock) != 0) {
    fail_input(place,
               format("announces an array of %zu bytes, which must be a multiple of %zu; %zu follow", size, 4 * kBlock,
                      bytes.size() - 4),
               kRemedy);
  }
  units_.reserve(size / 4);
  for (size_t at = 4; at < 4 + size; at += 4) units_.push_back(little_endian(bytes, at));
  replacements_ = bytes.substr(4 + size);
  if (valid_utf8_prefix(replacements_) != replacements_.size()) {
    fail_input(place, "its replacements are not UTF-8", kRemedy);
  }
  check_units(place);
  replaced_.resize(0x10000 / 64);
  std::string character;
  for (uint32_t code = 0; code < 0x10000; ++code) {
    character.clear();
    if (code < 0xD800 || code > 0xDFFF) append_utf8(character, code);
    if (find(character)) replaced_[code / 64] |= uint64_t{1} << code % 64;
  }
}

/// A node's children lie in the array (256 places that begin at a multiple of 256 hold them all), and a leaf
/// names the beginning of a character of the replacements.
void Charsmap::check_units(const std::string& place) const {
  for (size_t i = 0; i < units_.size(); ++i) {
    const uint32_t unit = units_[i];
    if (unit & kLeaf) continue;  // holds a value; no byte leads to it
    const size_t base = i ^ offset(unit);
    const bool has_leaf = unit & kHasLeaf;
    if (base >= units_.size()) fail_input(place, format("its node %zu points outside of the array", i), kRemedy);
    if (!has_leaf) continue;
    const size_t value = units_[base] & ~kLeaf;
    const bool inside =
        value < replacements_.size() && (static_cast<unsigned char>(replacements_[value]) & 0xC0) != 0x80;
    if (!inside) fail_input(place, format("its node %zu points outside of the replacements", i), kRemedy);
  }
}

std::optional<std::string_view> Charsmap::find(std::string_view part) const {
  size_t node = offset(units_[0]);
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    node ^= byte;
    if (byte == 0) return std::nullopt;
    const uint32_t unit = units_[node];
    if ((unit & (kLeaf | 0xFF)) != byte) return std::nullopt;
    node ^= offset(unit);
    if (unit & kHasLeaf) {
      const std::string_view rest = std::string_view(replacements_).substr(units_[node] & ~kLeaf);
      return rest.substr(0, rest.find('\0'));
    }
  }
  return std::nullopt;
}

}  // namespace hone::text
