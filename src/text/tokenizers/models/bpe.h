// Byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909) as the reference library does it: start
// from characters (or bytes), and merge the pair of lowest rank, leftmost first, until none is left.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "text/tokenizers/models/pair_table.h"
#include "text/tokenizers/models/piece_cache.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/vocabulary.h"

namespace hone::text {

class Bpe : public Model {
 public:
  explicit Bpe(const ModelSpec& spec);

  std::unique_ptr<ModelScratch> make_scratch() const override;
  void tokenize(std::string_view piece, ModelScratch& scratch, std::vector<ModelToken>& out) const override;
  size_t vocab_size() const override { return vocabulary_.size(); }
  std::optional<int32_t> token_to_id(std::string_view token) const override;
  std::string_view id_to_token(int32_t id) const override { return vocabulary_.token(id); }
  int32_t id_limit() const override { return vocabulary_.id_limit(); }

 private:
  struct Scratch;
  struct Options {
    std::string prefix, suffix;
    int32_t unk = -1;
    bool fuse_unk = false, byte_fallback = false, ignore_merges = false, raw_bytes = false;
  };

  static Options read_options(const ModelSpec& spec, const Vocabulary& vocabulary);
  void read_merges(const ModelSpec& spec);
  void index_characters(const ModelSpec& spec);
  void find_mark_neighbours(const ModelSpec& spec);

  void tokenize_part(std::string_view part, Scratch& scratch, std::vector<ModelToken>& out) const;
  void tokenize_marked(std::string_view piece, Scratch& scratch, std::vector<ModelToken>& out) const;
  void start_with_bytes(std::string_view part, Scratch& scratch) const;
  void start_with_characters(std::string_view part, Scratch& scratch) const;
  int32_t character_id(std::string_view character) const;
  bool add_byte_tokens(std::string_view symbol, Scratch& scratch) const;
  void merge_few(Scratch& scratch) const;
  void merge_many(Scratch& scratch) const;

  Vocabulary vocabulary_;
  Options options_;
  PairTable merges_;
  std::array<int32_t, 256> byte_ids_;   // raw bytes: a byte's token; else the token "<0xNN>"
  std::vector<PairMerge> byte_merges_;  // raw bytes: what two bytes merge into, 256 x 256
  std::vector<int32_t> character_ids_;  // characters below U+10000
  std::string raw_arena_;               // raw bytes with ignore_merges: the tokens as bytes
  StringMap raw_ids_;
  // Pieces may be cut before every "▁" but those behind these characters, for no token reaches across.
  bool cuts_at_marks_ = false;
  std::vector<uint32_t> joins_mark_;
};

}  // namespace hone::text
