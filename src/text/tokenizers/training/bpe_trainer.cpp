#include "text/tokenizers/training/bpe_trainer.h"

#include <algorithm>
#include <array>

#include "text/tokenizers/byte_alphabet.h"
#include "text/unicode.h"

namespace hone::text {

void WordCounts::add(std::string_view word) {
  ++total_;
  const auto it = counts_.find(word);
  if (it != counts_.end()) {
    ++it->second;
  } else {
    counts_.emplace(word, 1);
  }
}

/// Pair counts are kept up to date merge by merge, and only the words that hold the merged pair are
/// touched. Three habits of the reference decide some merges, and so are kept:
/// - A pair is queued with the words in which it appeared since it was queued last; when a token comes
///   about in two ways ("ab"+"c", "a"+"bc"), a pair can so be merged twice, and the later rank counts.
/// - The count of a pair that has been merged is not taken back to zero.
/// - A queued count that is out of date is corrected when it comes up, and queued again.
class BpeTrainer {
 public:
  BpeTrainer(const WordCounts& words, const BpeTrainingOptions& options);
  TrainedBpe train();

 private:
  struct Word {
    size_t begin = 0;  // in symbols_
    uint32_t length = 0;
    int64_t count = 0;
  };
  struct Pair {
    int32_t left = 0, right = 0;
    int64_t count = 0;
    std::vector<uint32_t> words;  // where it appeared and is not queued yet, ascending
  };
  struct Entry {
    int64_t count = 0;
    uint32_t pair = 0, batch = 0;
  };

  int32_t add_token(const std::string& token);
  void add_alphabet();
  void add_words(const WordCounts& words);
  void change(int32_t left, int32_t right, int64_t by, uint32_t word);
  void queue_changed();
  void push(Entry entry);
  Entry pop();
  bool before(const Entry& a, const Entry& b) const;
  void merge_in(Word& word, uint32_t number, int32_t left, int32_t right, int32_t merged);

  const BpeTrainingOptions& options_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int32_t> ids_;
  std::array<int32_t, 256> byte_ids_{};
  std::vector<Word> words_;
  std::vector<int32_t> symbols_;
  std::vector<Pair> pairs_;
  std::unordered_map<uint64_t, uint32_t> pair_numbers_;
  std::vector<uint32_t> changed_;  // pairs whose `words` is not empty
  std::vector<Entry> queue_;       // a heap
  std::vector<std::vector<uint32_t>> batches_;
};

BpeTrainer::BpeTrainer(const WordCounts& words, const BpeTrainingOptions& options) : options_(options) {
  for (const std::string& token : options.special_tokens) add_token(token);
  add_alphabet();
  add_words(words);
}

int32_t BpeTrainer::add_token(const std::string& token) {
  const auto [it, fresh] = ids_.emplace(token, static_cast<int32_t>(tokens_.size()));
  if (fresh) tokens_.push_back(token);
  return it->second;
}

/// The bytes in the order of the characters that stand for them.
void BpeTrainer::add_alphabet() {
  std::vector<uint32_t> codes;
  for (uint32_t byte = 0; byte < 256; ++byte) codes.push_back(byte_to_code(static_cast<uint8_t>(byte)));
  std::sort(codes.begin(), codes.end());
  for (const uint32_t code : codes) byte_ids_[static_cast<size_t>(code_to_byte(code))] = add_token(to_utf8(code));
}

void BpeTrainer::add_words(const WordCounts& words) {
  // In an order that does not depend on the hash table's, so that results never do.
  std::vector<const std::pair<const std::string, uint64_t>*> sorted;
  sorted.reserve(words.counts_.size());
  for (const auto& entry : words.counts_) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  words_.reserve(sorted.size());
  for (const auto* entry : sorted) {
    const auto number = static_cast<uint32_t>(words_.size());
    const Word word{symbols_.size(), static_cast<uint32_t>(entry->first.size()), static_cast<int64_t>(entry->second)};
    words_.push_back(word);
    for (const char byte : entry->first) symbols_.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    for (size_t i = word.begin; i + 1 < symbols_.size(); ++i) change(symbols_[i], symbols_[i + 1], word.count, number);
  }
  queue_changed();
}

void BpeTrainer::change(int32_t left, int32_t right, int64_t by, uint32_t word) {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  const auto [it, fresh] = pair_numbers_.emplace(key, static_cast<uint32_t>(pairs_.size()));
  if (fresh) pairs_.push_back({left, right, 0, {}});
  Pair& pair = pairs_[it->second];
  pair.count += by;
  if (by < 0) return;
  if (pair.words.empty()) changed_.push_back(it->second);
  if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
}

void BpeTrainer::queue_changed() {
  for (const uint32_t number : changed_) {
    Pair& pair = pairs_[number];
    if (pair.count > 0) {
      push({pair.count, number, static_cast<uint32_t>(batches_.size())});
      batches_.push_back(std::move(pair.words));
    }
    pair.words = {};
  }
  changed_.clear();
}

/// The higher count first, then the smaller pair of ids, then what was queued earlier.
bool BpeTrainer::before(const Entry& a, const Entry& b) const {
  if (a.count != b.count) return a.count > b.count;
  const Pair &x = pairs_[a.pair], &y = pairs_[b.pair];
  if (x.left != y.left) return x.left < y.left;
  if (x.right != y.right) return x.right < y.right;
  return a.batch < b.batch;
}

void BpeTrainer::push(Entry entry) {
  queue_.push_back(entry);
  std::push_heap(queue_.begin(), queue_.end(), [this](const Entry& a, const Entry& b) { return before(b, a); });
}

BpeTrainer::Entry BpeTrainer::pop() {
  std::pop_heap(queue_.begin(), queue_.end(), [this](const Entry& a, const Entry& b) { return before(b, a); });
  const Entry entry = queue_.back();
  queue_.pop_back();
  return entry;
}

void BpeTrainer::merge_in(Word& word, uint32_t number, int32_t left, int32_t right, int32_t merged) {
  int32_t* symbols = symbols_.data() + word.begin;
  uint32_t out = 0;
  for (uint32_t i = 0; i < word.length;) {
    if (symbols[i] != left || i + 1 == word.length || symbols[i + 1] != right) {
      symbols[out++] = symbols[i++];
      continue;
    }
    if (out > 0) {
      change(symbols[out - 1], left, -word.count, number);
      change(symbols[out - 1], merged, word.count, number);
    }
    i += 2;
    if (i < word.length) {
      change(right, symbols[i], -word.count, number);
      change(merged, symbols[i], word.count, number);
    }
    symbols[out++] = merged;
  }
  word.length = out;
}

TrainedBpe BpeTrainer::train() {
  std::vector<std::pair<uint32_t, size_t>> merged_pairs;  // number of a pair, rank
  while (tokens_.size() < options_.vocab_size && !queue_.empty()) {
    Entry top = pop();
    const int32_t left = pairs_[top.pair].left, right = pairs_[top.pair].right;
    const int64_t count = pairs_[top.pair].count;
    if (top.count != count) {
      top.count = count;
      push(top);
      continue;
    }
    if (count < 1 || static_cast<uint64_t>(count) < options_.min_frequency) break;
    const size_t before = tokens_.size();
    const int32_t merged = add_token(tokens_[static_cast<size_t>(left)] + tokens_[static_cast<size_t>(right)]);
    merged_pairs.emplace_back(top.pair, merged_pairs.size());
    const std::vector<uint32_t> words = std::move(batches_[top.batch]);
    for (const uint32_t number : words) merge_in(words_[number], number, left, right, merged);
    queue_changed();
    if (options_.progress && tokens_.size() != before && tokens_.size() % 64 == 0) options_.progress(tokens_.size());
  }
  std::vector<size_t> last_rank(pairs_.size());
  for (const auto& [pair, rank] : merged_pairs) last_rank[pair] = rank;
  TrainedBpe out;
  for (const auto& [pair, rank] : merged_pairs) {
    if (last_rank[pair] == rank) out.merges.emplace_back(pairs_[pair].left, pairs_[pair].right);
  }
  out.vocab = std::move(tokens_);
  return out;
}

TrainedBpe train_bpe(const WordCounts& words, const BpeTrainingOptions& options) {
  return BpeTrainer(words, options).train();
}

}  // namespace hone::text
