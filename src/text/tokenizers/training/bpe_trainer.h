// Learns a byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909, over bytes as in GPT-2) from counted
// words. Merges come out as the reference library's trainer makes them, ties and all.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hone::text {

/// How often each distinct word (a piece of the pre-tokenizer, as raw bytes) occurs.
class WordCounts {
 public:
  void add(std::string_view word);
  size_t distinct() const { return counts_.size(); }
  uint64_t total() const { return total_; }

 private:
  friend class BpeTrainer;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };
  std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>> counts_;
  uint64_t total_ = 0;
};

struct BpeTrainingOptions {
  size_t vocab_size = 0;                    ///< special tokens and the 256 bytes included
  uint64_t min_frequency = 2;               ///< a pair seen less often is not merged
  std::vector<std::string> special_tokens;  ///< take the first ids
  /// Called now and then with the size that the vocabulary has reached; may throw to stop.
  std::function<void(size_t)> progress;
};

struct TrainedBpe {
  std::vector<std::string> vocab;                   ///< by id, spelled in ByteLevel's characters
  std::vector<std::pair<int32_t, int32_t>> merges;  ///< pairs of ids, by rank
};

/// The vocabulary ends below vocab_size when no pair occurs min_frequency times any more.
TrainedBpe train_bpe(const WordCounts& words, const BpeTrainingOptions& options);

}  // namespace hone::text
