// Cuts text into words whatever the script. A word is a run of letters, numbers and marks; a
// character of a script without blanks (Han, kana, Thai …) is a word with the marks after it, and so
// is a symbol such as an emoji. Punctuation and other symbols separate; joiners and other format
// characters vanish, except that the zero-width space separates. Text is brought to NFC first, so
// that Hangul typed as jamo equals Hangul typed as syllables.
#pragma once
#include <string>
#include <string_view>

#include "metrics/characters.h"

namespace hone::metrics {

template <typename Sink>
void for_each_word(std::string_view text, Sink sink) {
  const bool plain = is_ascii(text);
  const std::string composed = plain ? std::string() : normalize(text, Normalization::kNfc);
  if (!plain) text = composed;
  std::string word;
  bool closed = false;  // the word takes marks only
  const auto flush = [&] {
    if (!word.empty()) sink(std::string_view(word));
    word.clear();
    closed = false;
  };
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      ++at;
      if (!((byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'))) {
        flush();
        continue;
      }
      if (closed) flush();
      word += static_cast<char>(byte);
      continue;
    }
    const char32_t character = next_character(text, at);
    if (is_mark(character)) {
      if (!word.empty() && !(closed && character >= 0xFE00 && character <= 0xFE0F)) append_utf8(word, character);
    } else if (is_unspaced_script(character) || is_other_symbol(character)) {
      flush();
      append_utf8(word, character);
      closed = true;
    } else if (is_letter_or_number(character)) {
      if (closed) flush();
      append_utf8(word, character);
    } else if (!is_format(character) || character == 0x200B) {
      flush();
    }
  }
  flush();
}

}  // namespace hone::metrics
