#include "text/tokenizers/models/bpe.h"

#include <algorithm>

#include "base/strings.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/json_fields.h"

namespace hone::text {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81";  // ▁, the blank of SentencePiece
constexpr size_t kFew = 48;                         // up to here a plain search beats a heap

struct Symbol {
  int32_t id = -1;
  uint32_t length = 0;
};

}  // namespace

struct Bpe::Scratch : ModelScratch {
  PieceCache cache;
  std::vector<Symbol> symbols;
  std::vector<PairMerge> pairs;  // pairs[i] is what symbols i and i + 1 merge into
  std::vector<uint32_t> previous, next;
  std::vector<uint64_t> heap;
  std::string text;
};

Bpe::Bpe(const ModelSpec& spec)
    : vocabulary_(spec.vocab, spec.place + ".vocab"),
      options_(read_options(spec, vocabulary_)),
      merges_(spec.merges.size()) {
  read_merges(spec);
  index_characters(spec);
  if (!options_.raw_bytes) find_mark_neighbours(spec);
}

Bpe::Options Bpe::read_options(const ModelSpec& spec, const Vocabulary& vocabulary) {
  const Json& json = *spec.options;
  Options options;
  options.raw_bytes = spec.raw_bytes;
  options.prefix = field_or<std::string>(json, "continuing_subword_prefix", "", spec.place);
  options.suffix = field_or<std::string>(json, "end_of_word_suffix", "", spec.place);
  options.fuse_unk = field_or(json, "fuse_unk", false, spec.place);
  options.byte_fallback = field_or(json, "byte_fallback", false, spec.place);
  options.ignore_merges = field_or(json, "ignore_merges", false, spec.place);
  if (const auto it = json.find("dropout"); it != json.end() && it->is_number() && it->get<double>() != 0) {
    fail_input(spec.place + ".dropout", "dropout makes ids random, which is not supported",
               "set it to null: it matters only while a model is trained with it");
  }
  const std::string unk = field_or<std::string>(json, "unk_token", "", spec.place);
  if (!unk.empty()) {
    options.unk = vocabulary.id(unk);
    if (options.unk < 0) fail_input(spec.place + ".unk_token", "\"" + unk + "\" is not in the vocabulary");
  }
  return options;
}

void Bpe::read_merges(const ModelSpec& spec) {
  std::string joined;
  uint32_t rank = 0;
  for (const auto& [left, right] : spec.merges) {
    const int32_t a = vocabulary_.id(left), b = vocabulary_.id(right);
    joined.assign(left);
    joined += right.substr(std::min(options_.prefix.size(), right.size()));
    const int32_t id = vocabulary_.id(joined);
    if (a < 0 || b < 0 || id < 0) {
      const std::string missing(a < 0 ? left : b < 0 ? right : std::string_view(joined));
      fail_input(format("%s.merges[%u]", spec.place.c_str(), rank),
                 "the token \"" + excerpt(missing, 40) + "\" is not in the vocabulary");
    }
    merges_.insert(a, b, {rank++, id});
  }
}

void Bpe::index_characters(const ModelSpec& spec) {
  byte_ids_.fill(-1);
  if (!options_.raw_bytes) {
    for (int byte = 0; byte < 256; ++byte) {
      byte_ids_[static_cast<size_t>(byte)] = vocabulary_.id(format("<0x%02X>", static_cast<unsigned>(byte)));
    }
    character_ids_.assign(0x10000, -1);
    for (const auto& entry : spec.vocab) {
      const std::string_view token = entry.first;
      if (token.empty() || utf8_length(static_cast<unsigned char>(token[0])) != token.size()) continue;
      size_t at = 0;
      const uint32_t code = next_code(token, at);
      if (code < 0x10000) character_ids_[code] = vocabulary_.id(token);
    }
    return;
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    byte_ids_[byte] = vocabulary_.id(to_utf8(byte_to_code(static_cast<uint8_t>(byte))));
  }
  byte_merges_.resize(65536);
  for (size_t a = 0; a < 256; ++a) {
    for (size_t b = 0; b < 256; ++b) byte_merges_[a << 8 | b] = merges_.find(byte_ids_[a], byte_ids_[b]);
  }
  if (!options_.ignore_merges) return;
  size_t bytes = 0;
  for (const auto& entry : spec.vocab) bytes += entry.first.size();
  raw_arena_.reserve(bytes + 1);
  raw_ids_.reserve(spec.vocab.size());
  for (const auto& entry : spec.vocab) {
    const size_t start = raw_arena_.size();
    if (!append_spelled_bytes(raw_arena_, entry.first)) continue;
    raw_ids_.insert({raw_arena_.data() + start, raw_arena_.size() - start}, vocabulary_.id(entry.first));
  }
}

/// A token that a merge makes is the only thing that can cover two characters. So where no such token
/// has x before ▁, text may be cut between x and ▁, and words be merged (and remembered) one by one.
void Bpe::find_mark_neighbours(const ModelSpec& spec) {
  if (vocabulary_.id(kMark) < 0 || !options_.prefix.empty() || !options_.suffix.empty()) return;
  std::string joined;
  for (const auto& [left, right] : spec.merges) {
    // A byte or unknown token stands for a character other than its spelling shows.
    for (const std::string_view side : {left, right}) {
      const int32_t id = vocabulary_.id(side);
      if (id == options_.unk || std::find(byte_ids_.begin(), byte_ids_.end(), id) != byte_ids_.end()) return;
    }
    if (left.find(kMark) == std::string_view::npos && right.find(kMark) == std::string_view::npos) continue;
    joined.assign(left).append(right);
    for (size_t at = joined.find(kMark); at != std::string::npos; at = joined.find(kMark, at + 1)) {
      if (at == 0) continue;
      size_t start;
      joins_mark_.push_back(code_before(joined, at, start));
    }
  }
  std::sort(joins_mark_.begin(), joins_mark_.end());
  joins_mark_.erase(std::unique(joins_mark_.begin(), joins_mark_.end()), joins_mark_.end());
  cuts_at_marks_ = true;
}

std::unique_ptr<ModelScratch> Bpe::make_scratch() const {
  return std::make_unique<Scratch>();
}

std::optional<int32_t> Bpe::token_to_id(std::string_view token) const {
  const int32_t id = vocabulary_.id(token);
  return id < 0 ? std::nullopt : std::optional<int32_t>(id);
}

void Bpe::tokenize(std::string_view piece, ModelScratch& base, std::vector<ModelToken>& out) const {
  auto& scratch = static_cast<Scratch&>(base);
  if (options_.ignore_merges) {
    const int32_t id = options_.raw_bytes ? raw_ids_.find(piece) : vocabulary_.id(piece);
    if (id >= 0) {
      out.push_back({id, static_cast<uint32_t>(piece.size())});
      return;
    }
  }
  if (cuts_at_marks_) {
    tokenize_marked(piece, scratch, out);
  } else {
    tokenize_part(piece, scratch, out);
  }
}

void Bpe::tokenize_marked(std::string_view piece, Scratch& scratch, std::vector<ModelToken>& out) const {
  size_t begin = 0;
  for (size_t at = piece.find(kMark, 1); at != std::string_view::npos; at = piece.find(kMark, at + kMark.size())) {
    size_t start;
    const uint32_t before = code_before(piece, at, start);
    if (std::binary_search(joins_mark_.begin(), joins_mark_.end(), before)) continue;
    tokenize_part(piece.substr(begin, at - begin), scratch, out);
    begin = at;
  }
  tokenize_part(piece.substr(begin), scratch, out);
}

void Bpe::tokenize_part(std::string_view part, Scratch& scratch, std::vector<ModelToken>& out) const {
  const bool cached = part.size() <= PieceCache::kLongestPiece;
  const uint64_t hash = cached ? PieceCache::hash(part) : 0;
  if (cached && scratch.cache.find(part, hash, out)) return;
  scratch.symbols.clear();
  scratch.pairs.clear();
  if (options_.raw_bytes) {
    start_with_bytes(part, scratch);
  } else {
    start_with_characters(part, scratch);
  }
  if (scratch.symbols.size() <= kFew) {
    merge_few(scratch);
  } else {
    merge_many(scratch);
  }
  const size_t before = out.size();
  for (const Symbol& symbol : scratch.symbols) out.push_back({symbol.id, symbol.length});
  if (cached) scratch.cache.store(part, hash, out.data() + before, out.size() - before);
}

void Bpe::start_with_bytes(std::string_view part, Scratch& scratch) const {
  scratch.symbols.resize(part.size());
  scratch.pairs.resize(part.size());
  for (size_t i = 0; i < part.size(); ++i) {
    const auto byte = static_cast<unsigned char>(part[i]);
    scratch.symbols[i] = {byte_ids_[byte], 1};
    scratch.pairs[i] = i + 1 < part.size()
                           ? byte_merges_[static_cast<size_t>(byte) << 8 | static_cast<unsigned char>(part[i + 1])]
                           : PairMerge{};
  }
}

int32_t Bpe::character_id(std::string_view character) const {
  size_t at = 0;
  const uint32_t code = next_code(character, at);
  return code < 0x10000 ? character_ids_[code] : vocabulary_.id(character);
}

bool Bpe::add_byte_tokens(std::string_view symbol, Scratch& scratch) const {
  for (const char byte : symbol) {
    if (byte_ids_[static_cast<unsigned char>(byte)] < 0) return false;
  }
  for (const char byte : symbol) scratch.symbols.push_back({byte_ids_[static_cast<unsigned char>(byte)], 1});
  return true;
}

void Bpe::start_with_characters(std::string_view part, Scratch& scratch) const {
  const bool plain = options_.prefix.empty() && options_.suffix.empty();
  Symbol unknown;  // held back, for the next one may be fused with it
  const auto flush_unknown = [&] {
    if (unknown.length > 0) scratch.symbols.push_back(unknown);
    unknown = {};
  };
  for (size_t at = 0; at < part.size();) {
    const size_t begin = at;
    at += utf8_length(static_cast<unsigned char>(part[at]));
    std::string_view symbol = part.substr(begin, at - begin);
    const auto length = static_cast<uint32_t>(symbol.size());
    if (!plain) {
      scratch.text.assign(begin > 0 ? options_.prefix : "").append(symbol);
      if (at == part.size()) scratch.text += options_.suffix;
      symbol = scratch.text;
    }
    const int32_t id = plain ? character_id(symbol) : vocabulary_.id(symbol);
    if (id >= 0) {
      flush_unknown();
      scratch.symbols.push_back({id, length});
    } else if (options_.byte_fallback && add_byte_tokens(symbol, scratch)) {
      // The reference leaves a held-back unknown token waiting here, and so do we.
    } else if (options_.unk >= 0) {
      if (!options_.fuse_unk) flush_unknown();
      unknown = {options_.unk, unknown.length + length};
    }
  }
  flush_unknown();
  scratch.pairs.resize(scratch.symbols.size());
  for (size_t i = 0; i + 1 < scratch.symbols.size(); ++i) {
    scratch.pairs[i] = merges_.find(scratch.symbols[i].id, scratch.symbols[i + 1].id);
  }
}

void Bpe::merge_few(Scratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  std::vector<PairMerge>& pairs = scratch.pairs;
  size_t count = symbols.size();
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == PairMerge::kNone) break;
    symbols[best] = {pairs[best].id, symbols[best].length + symbols[best + 1].length};
    std::copy(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 2,
              symbols.begin() + static_cast<std::ptrdiff_t>(count),
              symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(pairs.begin() + static_cast<std::ptrdiff_t>(best) + 2, pairs.begin() + static_cast<std::ptrdiff_t>(count),
              pairs.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    --count;
    if (best + 1 < count) pairs[best] = merges_.find(symbols[best].id, symbols[best + 1].id);
    if (best > 0) pairs[best - 1] = merges_.find(symbols[best - 1].id, symbols[best].id);
  }
  symbols.resize(count);
}

/// The same with a heap of (rank, position) and a linked list: n log n. An entry is stale when the pair
/// at its position has another rank by now.
void Bpe::merge_many(Scratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  std::vector<PairMerge>& pairs = scratch.pairs;
  std::vector<uint64_t>& heap = scratch.heap;
  const auto count = static_cast<uint32_t>(symbols.size());
  const uint32_t none = count;
  scratch.previous.resize(count);
  scratch.next.resize(count);
  pairs[count - 1] = {};
  heap.clear();
  const auto entry = [&](uint32_t at) { return static_cast<uint64_t>(pairs[at].rank) << 32 | at; };
  for (uint32_t i = 0; i < count; ++i) {
    scratch.previous[i] = i == 0 ? none : i - 1;
    scratch.next[i] = i + 1;
    if (pairs[i].rank != PairMerge::kNone) heap.push_back(entry(i));
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  const auto look_up = [&](uint32_t at) {
    const uint32_t after = scratch.next[at];
    pairs[at] = after == none ? PairMerge{} : merges_.find(symbols[at].id, symbols[after].id);
    if (pairs[at].rank == PairMerge::kNone) return;
    heap.push_back(entry(at));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto at = static_cast<uint32_t>(heap.back());
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    heap.pop_back();
    if (pairs[at].rank != rank) continue;
    const uint32_t gone = scratch.next[at];
    symbols[at] = {pairs[at].id, symbols[at].length + symbols[gone].length};
    symbols[gone].length = 0;
    pairs[gone] = {};
    scratch.next[at] = scratch.next[gone];
    if (scratch.next[at] != none) scratch.previous[scratch.next[at]] = at;
    look_up(at);
    if (scratch.previous[at] != none) look_up(scratch.previous[at]);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.length == 0; });
}

std::unique_ptr<Model> make_model_BPE(const ModelSpec& spec) {
  return std::make_unique<Bpe>(spec);
}

}  // namespace hone::text
