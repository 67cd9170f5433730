// NFC, NFD, NFKC and NFKD (Unicode Standard Annex #15) that keep track of where characters came from.
#include <algorithm>

#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

/// A decomposed character: its code point, its canonical combining class, how it relates to the source.
struct Decomposed {
  Change change;
  int combining = 0;
};

/// Canonical ordering: runs of non-starters are sorted by combining class, keeping equals in order.
void order(std::vector<Decomposed>& text) {
  for (size_t i = 0; i < text.size();) {
    if (text[i].combining == 0) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && text[end].combining != 0) ++end;
    std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(i), text.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const Decomposed& a, const Decomposed& b) { return a.combining < b.combining; });
    i = end;
  }
}

std::vector<Decomposed> decompose(std::string_view text, bool compatibility) {
  std::vector<Decomposed> out;
  out.reserve(text.size());
  std::vector<uint32_t> parts;
  for (size_t at = 0; at < text.size();) {
    parts.clear();
    append_decomposition(parts, next_code(text, at), compatibility);
    for (size_t i = 0; i < parts.size(); ++i) out.push_back({{parts[i], i == 0 ? 0 : 1}, combining_class(parts[i])});
  }
  order(out);
  return out;
}

/// Canonical composition in place. A composite swallows the source characters of both its parts.
void recompose(std::vector<Decomposed>& text) {
  size_t starter = text.size(), written = 0;
  int last_class = -1;  // of the character written last behind the starter
  for (size_t i = 0; i < text.size(); ++i) {
    const Decomposed current = text[i];
    if (starter < written && last_class < current.combining) {
      if (const uint32_t composite = compose(text[starter].change.code, current.change.code)) {
        Change& into = text[starter].change;
        into.code = composite;
        into.change += current.change.change - 1;
        continue;
      }
    }
    if (current.combining == 0) {
      starter = written;
      last_class = -1;
    } else {
      last_class = current.combining;
    }
    text[written++] = current;
  }
  text.resize(written);
}

template <bool compose_it, bool compatibility>
class Form : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    if (compose_it && !compatibility && surely_composed(text.view())) return;
    std::vector<Decomposed> characters = decompose(text.view(), compatibility);
    if (compose_it) recompose(characters);
    std::vector<Change> changes;
    changes.reserve(characters.size());
    for (const Decomposed& character : characters) changes.push_back(character.change);
    text.rewrite(changes);
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_NFC(const Json&, const std::string&) {
  return std::make_unique<Form<true, false>>();
}
std::unique_ptr<Normalizer> make_normalizer_NFD(const Json&, const std::string&) {
  return std::make_unique<Form<false, false>>();
}
std::unique_ptr<Normalizer> make_normalizer_NFKC(const Json&, const std::string&) {
  return std::make_unique<Form<true, true>>();
}
std::unique_ptr<Normalizer> make_normalizer_NFKD(const Json&, const std::string&) {
  return std::make_unique<Form<false, true>>();
}

}  // namespace hone::text
