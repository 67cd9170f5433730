// Unigram language model (Kudo 2018, arXiv:1804.10959) as the reference library does it: of all ways to cut a
// piece into tokens the one with the largest sum of scores, found by Viterbi's algorithm from the left; of
// equal sums the one met first, which is the one with the longer last token. Characters that no token spells
// score 10 below the worst token; neighbours among them are one token (or its bytes).
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/models/piece_cache.h"
#include "text/tokenizers/models/piece_trie.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/vocabulary.h"

namespace hone::text {
namespace {

constexpr double kUnknownPenalty = 10;

/// The reference reads numbers in two roundings: all digits as a 64-bit integer made a double, then a division
/// by a power of ten. Sums that are equal on paper depend on it, and with them ids. The digits are taken to be
/// the shortest that name the number, which is what writers of such files print.
double as_the_reference_reads(double exact) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::abs(exact), std::chars_format::scientific).ptr;
  uint64_t significand = 0;
  int exponent = 0;
  for (const char* at = digits; at != end; ++at) {
    if (*at == 'e') {
      int power = 0;
      std::from_chars(at[1] == '+' ? at + 2 : at + 1, end, power);
      exponent += power;
      break;
    }
    if (*at == '.') continue;
    significand = significand * 10 + static_cast<uint64_t>(*at - '0');
    if (at > digits + 1) --exponent;
  }
  auto value = static_cast<double>(significand);
  for (; exponent < -308 && value != 0; exponent += 308) value /= 1e308;
  double power = 0;
  const std::string name = "1e" + std::to_string(std::abs(exponent));  // exact as only a parser has it
  std::from_chars(name.data(), name.data() + name.size(), power);
  value = exponent >= 0 ? value * power : value / power;
  return std::signbit(exact) ? -value : value;
}

class Unigram : public Model {
 public:
  explicit Unigram(const ModelSpec& spec)
      : vocabulary_(spec.vocab, spec.place + ".vocab"), trie_(spec.vocab), scores_(spec.scores), place_(spec.place) {
    const Json& json = *spec.options;
    if (const auto it = json.find("unk_id"); it != json.end() && !it->is_null()) {
      unk_ = field<int32_t>(json, "unk_id", place_);
      if (unk_ < 0 || static_cast<size_t>(unk_) >= scores_.size()) {
        fail_input(place_ + ".unk_id", format("is %d, the vocabulary has %zu tokens", unk_, scores_.size()));
      }
    }
    for (double& score : scores_) score = as_the_reference_reads(score);
    double worst = std::numeric_limits<double>::infinity();
    for (const double score : scores_) worst = std::min(worst, score);
    unknown_score_ = worst - kUnknownPenalty;
    byte_ids_.fill(-1);
    if (!field_or(json, "byte_fallback", false, place_)) return;
    for (unsigned byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.id(format("<0x%02X>", byte));
  }

  std::unique_ptr<ModelScratch> make_scratch() const override { return std::make_unique<Scratch>(); }

  void tokenize(std::string_view piece, ModelScratch& base, std::vector<ModelToken>& out) const override {
    auto& scratch = static_cast<Scratch&>(base);
    const bool cached = piece.size() <= PieceCache::kLongestPiece;
    const uint64_t hash = cached ? PieceCache::hash(piece) : 0;
    if (cached && scratch.cache.find(piece, hash, out)) return;
    const size_t before = out.size();
    find_best_path(piece, scratch.ends);
    follow_back(scratch);
    write_tokens(piece, scratch.path, out);
    if (cached) scratch.cache.store(piece, hash, out.data() + before, out.size() - before);
  }

  size_t vocab_size() const override { return scores_.size(); }
  std::optional<int32_t> token_to_id(std::string_view token) const override {
    const int32_t id = vocabulary_.id(token);
    return id < 0 ? std::nullopt : std::optional<int32_t>(id);
  }
  std::string_view id_to_token(int32_t id) const override { return vocabulary_.token(id); }
  int32_t id_limit() const override { return vocabulary_.id_limit(); }
  int32_t shown_as_text() const override { return unk_; }

 private:
  /// The best way to cut the text up to a place: its score, and its last token.
  struct End {
    static constexpr uint32_t kNowhere = 0xFFFFFFFF;
    double score = 0;
    uint32_t begin = kNowhere;
    int32_t id = 0;
  };
  struct Step {
    uint32_t begin, end;
    int32_t id;
  };
  struct Scratch : ModelScratch {
    PieceCache cache;
    std::vector<End> ends;
    std::vector<Step> path;
  };

  void find_best_path(std::string_view piece, std::vector<End>& ends) const {
    ends.assign(piece.size() + 1, {});
    const auto offer = [&ends](size_t begin, size_t end, double score, int32_t id) {
      if (ends[end].begin != End::kNowhere && !(score > ends[end].score)) return;
      ends[end] = {score, static_cast<uint32_t>(begin), id};
    };
    for (size_t begin = 0; begin < piece.size();) {
      const double score = ends[begin].score;
      const size_t next = begin + utf8_length(static_cast<unsigned char>(piece[begin]));
      bool known = false;
      uint32_t node = PieceTrie::kRoot;
      for (size_t end = begin; end < piece.size() && trie_.step(node, piece[end]);) {
        ++end;
        const int32_t id = trie_.id(node);
        if (id < 0) continue;
        offer(begin, end, score + scores_[static_cast<size_t>(id)], id);
        known = known || end == next;
      }
      if (!known) {
        require_unknown(piece.substr(begin, next - begin));
        offer(begin, next, score + unknown_score_, unk_);
      }
      begin = next;
    }
  }

  /// The path from left to right, neighbouring unknown tokens joined.
  void follow_back(Scratch& scratch) const {
    std::vector<Step>& path = scratch.path;
    path.clear();
    for (auto end = static_cast<uint32_t>(scratch.ends.size() - 1); end > 0; end = path.back().begin) {
      const End& best = scratch.ends[end];
      if (best.id == unk_ && !path.empty() && path.back().id == unk_) {
        path.back().begin = best.begin;
      } else {
        path.push_back({best.begin, end, best.id});
      }
    }
    std::reverse(path.begin(), path.end());
  }

  void write_tokens(std::string_view piece, const std::vector<Step>& path, std::vector<ModelToken>& out) const {
    for (const Step& step : path) {
      const std::string_view text = piece.substr(step.begin, step.end - step.begin);
      // What was joined may happen to be a token.
      const int32_t id = step.id == unk_ ? vocabulary_.id(text) : step.id;
      if (id >= 0) {
        out.push_back({id, static_cast<uint32_t>(text.size())});
      } else if (!write_bytes(text, out)) {
        out.push_back({unk_, static_cast<uint32_t>(text.size())});
      }
    }
  }

  /// False, and nothing written, where a byte has no token. Each byte token covers the whole of `text`.
  bool write_bytes(std::string_view text, std::vector<ModelToken>& out) const {
    const auto id_of = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
    if (std::any_of(text.begin(), text.end(), [&](char byte) { return id_of(byte) < 0; })) return false;
    auto length = static_cast<uint32_t>(text.size());
    for (const char byte : text) {
      out.push_back({id_of(byte), length});
      length = 0;
    }
    return true;
  }

  void require_unknown(std::string_view character) const {
    if (unk_ >= 0) return;
    fail_input(
        place_ + ".unk_id",
        "the text has the character \"" + excerpt(character, 1) + "\", which no token spells, and unk_id is not set",
        "set unk_id to the id of the token for unknown text");
  }

  Vocabulary vocabulary_;
  PieceTrie trie_;
  std::vector<double> scores_;
  std::string place_;
  int32_t unk_ = -1;
  double unknown_score_ = 0;
  std::array<int32_t, 256> byte_ids_{};
};

}  // namespace

std::unique_ptr<Model> make_model_Unigram(const ModelSpec& spec) {
  if (spec.scores.size() != spec.vocab.size()) {
    fail_input(spec.place + ".vocab", "must be a list of tokens and their scores, [[\"▁the\", -3.2], …]");
  }
  return std::make_unique<Unigram>(spec);
}

}  // namespace hone::text
