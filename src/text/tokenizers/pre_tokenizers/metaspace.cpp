#include "text/tokenizers/metaspace.h"

#include <algorithm>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {

MetaspaceOptions metaspace_options(const Json& spec, const std::string& place) {
  using Prepend = MetaspaceOptions::Prepend;
  MetaspaceOptions options;
  options.replacement = character_field(spec, "replacement", place);
  options.split = field_or(spec, "split", true, place);
  const std::string scheme = field_or<std::string>(spec, "prepend_scheme", "always", place);
  if (scheme == "always") {
    options.prepend = Prepend::kAlways;
  } else if (scheme == "first") {
    options.prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    options.prepend = Prepend::kNever;
  } else {
    fail_input(place + ".prepend_scheme", "\"" + scheme + "\" is unknown; known: always, first, never");
  }
  if (!field_or(spec, "add_prefix_space", true, place)) options.prepend = Prepend::kNever;
  return options;
}

namespace {

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(MetaspaceOptions options)
      : options_(std::move(options)), mark_(make_literal(options_.replacement)) {}

  void apply(PieceList& list) const override {
    AlignedText::Rewriter out(list.text);
    for (ByteRange& piece : list.pieces) {
      const std::string_view view = list.view(piece);
      const auto begin = static_cast<uint32_t>(out.size());
      if (wants_mark(list, piece)) out.put(options_.replacement, piece.begin);
      for (size_t at = 0; at < view.size();) {
        if (view[at] == ' ') {
          out.put(options_.replacement, piece.begin + at);
          ++at;
        } else {
          const size_t end = std::min(view.find(' ', at), view.size());
          out.copy(piece.begin + at, end - at);
          at = end;
        }
      }
      piece = {begin, static_cast<uint32_t>(out.size())};
    }
    out.commit();
    if (options_.split) split_pieces(list, *mark_, SplitBehavior::kMergedWithNext);
  }
  bool needs_origins() const override { return options_.prepend == MetaspaceOptions::Prepend::kFirst; }

 private:
  bool wants_mark(const PieceList& list, ByteRange piece) const {
    const std::string_view view = list.view(piece);
    if (view[0] == ' ' || view.substr(0, options_.replacement.size()) == options_.replacement) return false;
    switch (options_.prepend) {
      case MetaspaceOptions::Prepend::kAlways: return true;
      case MetaspaceOptions::Prepend::kNever: return false;
      case MetaspaceOptions::Prepend::kFirst: return list.text.origin(piece.begin, piece.begin + 1).begin == 0;
    }
    return false;
  }

  MetaspaceOptions options_;
  std::unique_ptr<Pattern> mark_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer_Metaspace(const Json& spec, const std::string& place) {
  return std::make_unique<Metaspace>(metaspace_options(spec, place));
}

}  // namespace hone::text
