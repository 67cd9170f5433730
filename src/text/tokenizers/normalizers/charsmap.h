// SentencePiece's precompiled character map: byte strings and what replaces them, in a double array as the
// Darts library lays it out (one 32-bit unit a node, children found by XOR) and a blob of replacements.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::text {

class Charsmap {
 public:
  /// `base64` is the field precompiled_charsmap: the number of bytes of the double array (little-endian, 32
  /// bits), the array, the replacements, each ended by a zero byte. Whatever reaches outside throws at `place`.
  Charsmap(std::string_view base64, const std::string& place);

  /// What replaces `part` as a whole: the replacement of the shortest string of the map that `part` begins
  /// with. (That bytes behind it are lost is how the reference has it.)
  std::optional<std::string_view> find(std::string_view part) const;
  /// The same for one character given by its code point as well; quick where nothing replaces it.
  std::optional<std::string_view> find_character(uint32_t code, std::string_view character) const {
    if (code < 0x10000 && !(replaced_[code / 64] >> code % 64 & 1)) return std::nullopt;
    return find(character);
  }

 private:
  static constexpr uint32_t kLeaf = uint32_t{1} << 31, kHasLeaf = uint32_t{1} << 8;

  static uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & (uint32_t{1} << 9)) >> 6); }
  void check_units(const std::string& place) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
  std::vector<uint64_t> replaced_;  // a bit for each code point below U+10000 that find() replaces
};

}  // namespace hone::text
