// The normalizer of BERT's tokenizers: control characters out and white space to blanks (clean_text), blanks
// around Chinese characters, accents removed, lower case; in this order.
#include <algorithm>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

struct BertOptions {
  bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;
};

/// The blocks of CJK ideographs; U+2B820 to U+2B91F are missing in the reference too.
bool is_chinese(uint32_t code) {
  if (code < 0x3400) return false;
  return (code >= 0x4E00 && code <= 0x9FFF) || code <= 0x4DBF || (code >= 0x20000 && code <= 0x2A6DF) ||
         (code >= 0x2A700 && code <= 0x2B81F) || (code >= 0x2B920 && code <= 0x2CEAF) ||
         (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x2F800 && code <= 0x2FA1F);
}

bool is_dropped(uint32_t code) {
  return code == 0 || code == kReplacement ||
         (is_control_or_format(code) && code != '\t' && code != '\n' && code != '\r');
}

bool is_hangul_syllable(uint32_t code) {
  return code >= 0xAC00 && code <= 0xD7A3;
}

/// One character at a time, for ids without offsets. Marks wait until the next starter, for NFD orders them.
class OnePass {
 public:
  OnePass(const BertOptions& options, AlignedText::Rewriter& out) : options_(options), out_(out) {}

  void run(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte < 0x80) {
        put_ascii(text[at++]);
      } else {
        put(next_code(text, at));
      }
    }
    flush_marks();
  }

 private:
  void put_ascii(char c) {
    if (options_.clean_text) {
      if (c == ' ' || (c >= '\t' && c <= '\r' && c != '\v' && c != '\f')) return write_ascii(' ');
      if (c < ' ' || c == 0x7F) return;
    }
    write_ascii(options_.lowercase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }

  void put(uint32_t code) {
    if (options_.clean_text && !is_hangul_syllable(code)) {
      if (is_dropped(code)) return;
      if (is_space(code)) return write_ascii(' ');
    }
    if (options_.handle_chinese_chars && is_chinese(code)) {
      write_ascii(' ');
      strip(code);
      write_ascii(' ');
    } else {
      strip(code);
    }
  }

  void strip(uint32_t code) {
    if (!options_.strip_accents) return lower(code);
    if (is_hangul_syllable(code)) return put_jamo(code - 0xAC00);
    parts_.clear();
    append_decomposition(parts_, code, false);
    for (const uint32_t part : parts_) {
      if (const int combining = combining_class(part)) {
        if (!is_nonspacing_mark(part)) marks_.emplace_back(combining, part);
      } else {
        flush_marks();
        if (!is_nonspacing_mark(part)) lower(part);
      }
    }
  }

  /// A Hangul syllable as its two or three letters (The Unicode Standard, 3.12), which have no case.
  void put_jamo(uint32_t index) {
    flush_marks();
    write(0x1100 + index / 588);
    write(0x1161 + index % 588 / 28);
    if (index % 28 > 0) write(0x11A7 + index % 28);
  }

  void lower(uint32_t code) {
    if (!options_.lowercase || is_hangul_syllable(code)) return write(code);
    parts_of_case_.clear();
    append_lowercase(parts_of_case_, code);
    for (const uint32_t part : parts_of_case_) write(part);
  }

  void flush_marks() {
    if (marks_.empty()) return;
    std::stable_sort(marks_.begin(), marks_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& mark : marks_) lower(mark.second);
    marks_.clear();
  }

  void write_ascii(char c) {
    flush_marks();
    out_.put({&c, 1}, 0);
  }
  void write(uint32_t code) {
    bytes_.clear();
    append_utf8(bytes_, code);
    out_.put(bytes_, 0);
  }

  const BertOptions& options_;
  AlignedText::Rewriter& out_;
  std::vector<uint32_t> parts_, parts_of_case_;
  std::vector<std::pair<int, uint32_t>> marks_;  // combining class and code
  std::string bytes_;
};

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(BertOptions options) : options_(options) {}

  void apply(AlignedText& text) const override {
    if (text.tracks()) return apply_in_steps(text);
    AlignedText::Rewriter out(text);
    OnePass(options_, out).run(text.view());
    out.commit();
  }

 private:
  /// The same step by step, as the alignment of what comes out asks for.
  void apply_in_steps(AlignedText& text) const {
    if (options_.clean_text) clean(text);
    if (options_.handle_chinese_chars) part_chinese(text);
    if (options_.strip_accents) {
      nfd_->apply(text);
      copy_where(text, [](uint32_t code) { return !is_nonspacing_mark(code); });
    }
    if (options_.lowercase) lowercase_->apply(text);
  }

  template <typename Keep>
  static void copy_where(AlignedText& text, Keep keep) {
    const std::string_view view = text.view();
    AlignedText::Rewriter out(text);
    for (size_t at = 0; at < view.size();) {
      const size_t begin = at;
      if (keep(next_code(view, at))) out.copy(begin, at - begin);
    }
    out.commit();
  }

  static void clean(AlignedText& text) {
    const std::string_view view = text.view();
    AlignedText::Rewriter out(text);
    for (size_t at = 0; at < view.size();) {
      const size_t begin = at;
      const uint32_t code = next_code(view, at);
      if (is_dropped(code)) continue;
      if (is_space(code)) {
        out.put(" ", begin);
      } else {
        out.copy(begin, at - begin);
      }
    }
    out.commit();
  }

  static void part_chinese(AlignedText& text) {
    const std::string_view view = text.view();
    AlignedText::Rewriter out(text);
    for (size_t at = 0; at < view.size();) {
      const size_t begin = at;
      const bool chinese = is_chinese(next_code(view, at));
      if (chinese) out.put(" ", begin);
      out.copy(begin, at - begin);
      if (chinese) out.put(" ", begin);
    }
    out.commit();
  }

  BertOptions options_;
  std::unique_ptr<Normalizer> nfd_ = make_normalizer({{"type", "NFD"}}, "BertNormalizer");
  std::unique_ptr<Normalizer> lowercase_ = make_normalizer({{"type", "Lowercase"}}, "BertNormalizer");
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_BertNormalizer(const Json& spec, const std::string& place) {
  BertOptions options;
  options.clean_text = field_or(spec, "clean_text", true, place);
  options.handle_chinese_chars = field_or(spec, "handle_chinese_chars", true, place);
  options.lowercase = field_or(spec, "lowercase", true, place);
  options.strip_accents = field_or(spec, "strip_accents", options.lowercase, place);
  return std::make_unique<BertNormalizer>(options);
}

}  // namespace hone::text
