#include "text/graphemes.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/normalizers/charsmap.h"
#include "text/tokenizers/parts.h"
#include "text/unicode.h"

namespace hone::text {
namespace {

constexpr size_t kLongestCluster = 5;  // bytes; longer clusters are only looked at character by character

/// Replaces what a SentencePiece model's character map replaces: clusters of characters first, then
/// characters, each by what its first bytes are mapped to.
class Precompiled : public Normalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {}

  void apply(AlignedText& text) const override {
    if (text.tracks()) {
      Aligned out(text);
      if (walk(text.view(), out)) text.rewrite(out.changes);
    } else {
      Unaligned out(text);
      if (walk(text.view(), out)) out.rewriter.commit();
    }
  }

 private:
  /// Both writers are told of everything in order: stretches that stay and stretches that are replaced.
  struct Unaligned {
    explicit Unaligned(AlignedText& text) : rewriter(text) {}
    void keep(size_t begin, std::string_view part) { rewriter.copy(begin, part.size()); }
    void replace(std::string_view, std::string_view by) { rewriter.put(by, 0); }
    AlignedText::Rewriter rewriter;
  };

  /// The alignments are the reference's, odd ones included: characters that vanish are counted with the one
  /// before them, and with none when they come first.
  struct Aligned {
    explicit Aligned(const AlignedText& given) : text(given) { changes.reserve(text.size()); }
    void keep(size_t, std::string_view part) {
      for (size_t at = 0; at < part.size();) changes.push_back({next_code(part, at), 0});
    }
    void replace(std::string_view part, std::string_view by) {
      const auto removed = static_cast<int>(count_codes(part));
      int added = 0;
      for (size_t at = 0; at < by.size(); ++added) changes.push_back({next_code(by, at), added < removed ? 0 : 1});
      if (added < removed && !changes.empty()) changes.back().change -= removed - added;
      text.require_room(changes.size());
    }
    const AlignedText& text;
    std::vector<Change> changes;
  };

  /// True when anything was replaced.
  template <typename Writer>
  bool walk(std::string_view text, Writer& out) const {
    bool changed = false;
    size_t kept = 0;  // from here to `begin`, nothing has been written yet
    const auto put = [&](size_t begin, size_t end, std::string_view by) {
      if (kept < begin) out.keep(kept, text.substr(kept, begin - kept));
      out.replace(text.substr(begin, end - begin), by);
      changed = true;
      kept = end;
    };
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = cluster_end(text, begin);
      size_t at = begin;
      const uint32_t first = next_code(text, at);
      if (at == end) {
        if (const auto by = map_.find_character(first, text.substr(begin, end - begin))) put(begin, end, *by);
      } else if (const auto by =
                     end - begin <= kLongestCluster ? map_.find(text.substr(begin, end - begin)) : std::nullopt) {
        put(begin, end, *by);
      } else {
        for (at = begin; at < end;) {
          const size_t start = at;
          const uint32_t code = next_code(text, at);
          if (const auto one = map_.find_character(code, text.substr(start, at - start))) put(start, at, *one);
        }
      }
      begin = end;
    }
    if (changed && kept < text.size()) out.keep(kept, text.substr(kept));
    return changed;
  }

  Charsmap map_;
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer_Precompiled(const Json& spec, const std::string& place) {
  return std::make_unique<Precompiled>(
      Charsmap(field<std::string>(spec, "precompiled_charsmap", place), place + ".precompiled_charsmap"));
}

}  // namespace hone::text
