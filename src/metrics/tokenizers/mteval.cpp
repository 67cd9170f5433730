// The tokenizations of the NIST scripts as sacrebleu applies them: 13a (mteval-v13a.pl), zh (characters
// of Chinese apart, the rest as 13a) and intl (mteval-v14.pl). Each is a chain of substitutions over
// the whole line, matched from left to right without overlap; the chain is kept as it stands, because
// "equivalent" single passes differ on runs such as "1.,2".
#include <array>

#include "metrics/characters.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}
bool is_period_or_comma(char byte) {
  return byte == '.' || byte == ',';
}

/// ASCII punctuation except ' , - . and the blank, which the first substitution sets apart.
bool is_separated(char byte) {
  return (byte >= '{' && byte <= '~') || (byte >= '[' && byte <= '`') || (byte >= ' ' && byte <= '&') ||
         (byte >= '(' && byte <= '+') || (byte >= ':' && byte <= '@') || byte == '/';
}

/// Replaces each pair of neighbours for which `matches` holds. It is enough to look at bytes: a
/// pattern names ASCII characters only, and "not a digit" holds for any byte of a longer character.
template <typename Matches, typename Write>
std::string replace_pairs(const std::string& line, Matches matches, Write write) {
  std::string out;
  out.reserve(line.size() + line.size() / 2);
  size_t at = 0;
  while (at < line.size()) {
    if (at + 1 < line.size() && matches(line[at], line[at + 1])) {
      write(out, line[at], line[at + 1]);
      at += 2;
    } else {
      out += line[at++];
    }
  }
  return out;
}

void append_all(std::string& out, std::initializer_list<char> bytes) {
  out.append(bytes);
}

/// The substitutions that 13a and zh share.
void tokenize_western(std::string_view text, Tokens& out) {
  std::string line;
  line.reserve(text.size() * 2);
  for (const char byte : text) {
    if (is_separated(byte)) {
      append_all(line, {' ', byte, ' '});
    } else {
      line += byte;
    }
  }
  line = replace_pairs(
      line, [](char a, char b) { return !is_digit(a) && is_period_or_comma(b); },
      [](std::string& to, char a, char b) {
        append_all(to, {a, ' ', b, ' '});
      });
  line = replace_pairs(
      line, [](char a, char b) { return is_period_or_comma(a) && !is_digit(b); },
      [](std::string& to, char a, char b) {
        append_all(to, {' ', a, ' ', b});
      });
  line = replace_pairs(
      line, [](char a, char b) { return is_digit(a) && b == '-'; },
      [](std::string& to, char a, char b) {
        append_all(to, {a, ' ', b, ' '});
      });
  add_words(line, out);
}

void replace_all(std::string& line, std::string_view from, std::string_view to) {
  for (size_t at = line.find(from); at != std::string::npos; at = line.find(from, at + to.size())) {
    line.replace(at, from.size(), to);
  }
}

void tokenize_13a(std::string_view text, Tokens& out) {
  std::string line = " ";
  line += text;
  if (text.find('<') != text.npos) replace_all(line, "<skipped>", "");
  if (text.find('\n') != text.npos) {
    replace_all(line, "-\n", "");
    replace_all(line, "\n", " ");
  }
  if (text.find('&') != text.npos) {
    replace_all(line, "&quot;", "\"");
    replace_all(line, "&amp;", "&");
    replace_all(line, "&lt;", "<");
    replace_all(line, "&gt;", ">");
  }
  line += ' ';
  tokenize_western(line, out);
}

/// The ranges that sacrebleu calls Chinese, among them two that its comparison of strings makes of
/// the intended U+20000-2A6D6 and U+2F800-2FA1D: they act as U+2001-2A6D and U+2F81-2FA1, which takes
/// in general punctuation and box drawing. Kept, since scores are compared with published ones.
bool is_chinese(char32_t character) {
  static constexpr std::array<std::pair<char32_t, char32_t>, 22> kRanges = {
      {{0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A}, {0xFA70, 0xFAD9},
       {0x2001, 0x2A6D}, {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF}, {0x3000, 0x303F}, {0x31C0, 0x31EF},
       {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3100, 0x312F}, {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F},
       {0x2600, 0x26FF}, {0x2700, 0x27BF}, {0x3200, 0x32FF}, {0x3300, 0x33FF}}};
  for (const auto& [first, last] : kRanges) {
    if (character >= first && character <= last) return true;
  }
  return false;
}

void tokenize_zh(std::string_view text, Tokens& out) {
  std::string line;
  const std::string_view stripped = strip(text);
  for (size_t at = 0; at < stripped.size();) {
    const char32_t character = next_character(stripped, at);
    const bool apart = is_chinese(character);
    if (apart) line += ' ';
    append_utf8(line, character);
    if (apart) line += ' ';
  }
  tokenize_western(line, out);
}

void tokenize_intl(std::string_view text, Tokens& out) {
  const std::u32string line = decode_utf8(text);
  std::u32string first, second;
  for (size_t at = 0; at < line.size();) {  // (\P{N})(\p{P}) -> \1 \2_
    if (at + 1 < line.size() && !is_number(line[at]) && is_punctuation(line[at + 1])) {
      first.append({line[at], U' ', line[at + 1], U' '});
      at += 2;
    } else {
      first += line[at++];
    }
  }
  for (size_t at = 0; at < first.size();) {  // (\p{P})(\P{N}) -> _\1 \2
    if (at + 1 < first.size() && is_punctuation(first[at]) && !is_number(first[at + 1])) {
      second.append({U' ', first[at], U' ', first[at + 1]});
      at += 2;
    } else {
      second += first[at++];
    }
  }
  std::string third;
  for (const char32_t character : second) {  // (\p{S}) -> _\1_
    const bool apart = is_symbol(character);
    if (apart) third += ' ';
    append_utf8(third, character);
    if (apart) third += ' ';
  }
  add_words(third, out);
}

}  // namespace

void register_mteval_tokenizers(TokenizerRegistry& registry) {
  registry.add({"13a", "mteval-v13a, sacrebleu's default for BLEU", tokenize_13a});
  registry.add({"intl", "mteval-v14: Unicode punctuation and symbols set apart", tokenize_intl});
  registry.add({"zh", "Chinese characters set apart, the rest as 13a", tokenize_zh});
}

}  // namespace hone::metrics
