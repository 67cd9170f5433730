// WordPiece (Schuster and Nakajima 2012; Wu et al. 2016, arXiv:1609.08144) as BERT and the reference library
// have it: from the left of a word, always the longest token; parts that do not begin a word are spelled with
// a prefix. A word of which any part is not in the vocabulary is one unknown token as a whole.
#include "base/strings.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/models/piece_cache.h"
#include "text/tokenizers/models/piece_trie.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/vocabulary.h"

namespace hone::text {
namespace {

class WordPiece : public Model {
 public:
  explicit WordPiece(const ModelSpec& spec)
      : vocabulary_(spec.vocab, spec.place + ".vocab"), trie_(spec.vocab), place_(spec.place) {
    const Json& json = *spec.options;
    unk_token_ = field_or<std::string>(json, "unk_token", "[UNK]", place_);
    unk_ = vocabulary_.id(unk_token_);
    longest_word_ = field_or<uint64_t>(json, "max_input_chars_per_word", 100, place_);
    const std::string prefix = field_or<std::string>(json, "continuing_subword_prefix", "##", place_);
    for (const char byte : prefix) has_continuing_ = has_continuing_ && trie_.step(continuing_, byte);
  }

  std::unique_ptr<ModelScratch> make_scratch() const override { return std::make_unique<Scratch>(); }

  void tokenize(std::string_view word, ModelScratch& base, std::vector<ModelToken>& out) const override {
    PieceCache& cache = static_cast<Scratch&>(base).cache;
    const bool cached = word.size() <= PieceCache::kLongestPiece;
    const uint64_t hash = cached ? PieceCache::hash(word) : 0;
    if (cached && cache.find(word, hash, out)) return;
    const size_t before = out.size();
    if (!match_word(word, out)) {
      out.resize(before);
      out.push_back({unknown(), static_cast<uint32_t>(word.size())});
    }
    if (cached) cache.store(word, hash, out.data() + before, out.size() - before);
  }

  size_t vocab_size() const override { return vocabulary_.size(); }
  std::optional<int32_t> token_to_id(std::string_view token) const override {
    const int32_t id = vocabulary_.id(token);
    return id < 0 ? std::nullopt : std::optional<int32_t>(id);
  }
  std::string_view id_to_token(int32_t id) const override { return vocabulary_.token(id); }
  int32_t id_limit() const override { return vocabulary_.id_limit(); }

 private:
  struct Scratch : ModelScratch {
    PieceCache cache;
  };

  /// False when some part of the word is not in the vocabulary; `out` then holds the parts before it.
  bool match_word(std::string_view word, std::vector<ModelToken>& out) const {
    if (word.size() > longest_word_ && count_codes(word) > longest_word_) return false;
    for (size_t begin = 0; begin < word.size();) {
      if (begin > 0 && !has_continuing_) return false;
      uint32_t node = begin == 0 ? PieceTrie::kRoot : continuing_;
      int32_t id = -1;
      size_t end = begin;
      for (size_t at = begin; at < word.size() && trie_.step(node, word[at]);) {
        ++at;
        if (trie_.id(node) < 0) continue;
        id = trie_.id(node);
        end = at;
      }
      if (id < 0) return false;
      out.push_back({id, static_cast<uint32_t>(end - begin)});
      begin = end;
    }
    return true;
  }

  int32_t unknown() const {
    if (unk_ < 0) {
      fail_input(place_ + ".unk_token",
                 "the text has a word that the vocabulary cannot spell, and the token for such words, \"" +
                     excerpt(unk_token_, 40) + "\", is not in the vocabulary",
                 "name a token of the vocabulary as unk_token");
    }
    return unk_;
  }

  Vocabulary vocabulary_;
  PieceTrie trie_;
  uint32_t continuing_ = PieceTrie::kRoot;  // where the prefix leads to
  bool has_continuing_ = true;
  std::string place_, unk_token_;
  int32_t unk_ = -1;
  uint64_t longest_word_ = 100;  // in characters
};

}  // namespace

std::unique_ptr<Model> make_model_WordPiece(const ModelSpec& spec) {
  if (!spec.scores.empty()) fail_input(spec.place + ".vocab", "must be an object of token to id");
  return std::make_unique<WordPiece>(spec);
}

}  // namespace hone::text
