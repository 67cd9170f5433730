// Texts that tokenizers find hard, drawn from a numbered stream: scripts, marks, emoji, odd white space,
// contractions, control characters, in runs and mixed.
#pragma once
#include <iterator>
#include <string>

#include "base/random.h"
#include "text/unicode.h"

namespace hone::text {

inline uint32_t random_code(RandomStream& random) {
  struct Range {
    uint32_t first, last;
  };
  static constexpr Range kRanges[] = {
      {0x20, 0x7E},     {0x41, 0x5A},       {0x61, 0x7A},     {0x30, 0x39},     {0x09, 0x0D},       {0x20, 0x20},
      {0x0A, 0x0A},     {0xAC00, 0xD7A3},   {0x1100, 0x11FF}, {0x3131, 0x318E}, {0x80, 0x24F},      {0x300, 0x36F},
      {0x370, 0x52F},   {0x590, 0x6FF},     {0x900, 0x97F},   {0x2000, 0x206F}, {0x20A0, 0x218F},   {0x3000, 0x30FF},
      {0x4E00, 0x4FFF}, {0x1F300, 0x1F6FF}, {0x0, 0x1F},      {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
  const Range& range = kRanges[random.below(std::size(kRanges))];
  return range.first + static_cast<uint32_t>(random.below(range.last - range.first + 1));
}

/// Up to `most` pieces: single characters, runs of one, and what split patterns treat specially.
inline std::string random_text(RandomStream& random, size_t most) {
  static const std::string kParts[] = {"'s",     "'LL",        "'ſ",      "'re",        "  ", " \n",    "\r\n",
                                       "\n\n",   "…",          "//",      "123456",     "Ⅷ½", "\u3000", "don't",
                                       "Straße", "안녕하세요", " 한국어", "<|im_end|>", "ǅ",  "İ"};
  std::string out;
  for (uint64_t pieces = random.below(most + 1); pieces > 0; --pieces) {
    const uint64_t kind = random.below(8);
    if (kind == 0) {
      out += kParts[random.below(std::size(kParts))];
    } else {
      const uint32_t code = random_code(random);
      for (uint64_t i = kind == 1 ? 1 + random.below(5) : 1; i > 0; --i) append_utf8(out, code);
    }
  }
  return out;
}

}  // namespace hone::text
