// Encoded examples and how they become batches: packing, shuffling, and the position in the data.
// Everything is a pure function of (lengths, options, epoch), so resuming needs only step numbers.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/block.h"
#include "text/chat_encoding.h"

namespace hone::tune {

using Examples = std::vector<text::EncodedExample>;

/// Hash of every id and mask: two runs on the same data have the same one.
std::string data_fingerprint(const Examples& examples);

struct BatchOptions {
  bool packing = true;        ///< fill rows up to max_length with whole examples; else one example a row
  int64_t max_length = 1024;  ///< tokens of a packed row
  int64_t rows = 4;           ///< per_device_train_batch_size
  int64_t unit = 1;           ///< sequences that stand together in `examples` and stay together: 2 for pairs
  bool shuffle = true;
  /// Rows of like length side by side, as transformers' sampler has it: the shuffled rows in stretches of up to 50
  /// micro-batches (a quarter of the epoch at most), each sorted from the longest; the longest row of all comes
  /// first, so that what would not fit into memory fails at once.
  bool group_by_length = false;
  uint64_t seed = 42;
};

/// The order of one epoch. A micro-batch is a list of rows laid side by side without padding; the
/// attention of each sequence sees that sequence alone, packed or not.
class BatchPlan {
 public:
  BatchPlan(const Examples& examples, const BatchOptions& options);
  /// The same in every epoch.
  int64_t micro_batches() const;
  /// Sequence numbers of each micro-batch of `epoch`, in order.
  std::vector<std::vector<uint32_t>> epoch(uint64_t epoch) const;
  int64_t rows() const { return static_cast<int64_t>(rows_.size()); }

 private:
  void group(std::vector<uint32_t>& order) const;

  std::vector<std::vector<uint32_t>> rows_;
  std::vector<int64_t> row_lengths_;
  BatchOptions options_;
};

/// Best-fit decreasing: lengths into as few bins of `capacity` as it finds, whole lengths only; one longer
/// than `capacity` gets a bin of its own. Ties keep the order of the input. O(n log n).
std::vector<std::vector<uint32_t>> pack_best_fit(const std::vector<int64_t>& lengths, int64_t capacity);

/// Ids and targets of one micro-batch (see model::pack_evenly): targets[i] is the id that follows, or model::kIgnore
/// where that id is not trained or belongs to another example.
struct MicroBatch {
  model::PackedBatch batch;
  Tensor targets;       ///< [N] int64, on the CPU
  int64_t tokens = 0;   ///< N
  int64_t trained = 0;  ///< targets that carry loss
};
MicroBatch make_micro_batch(const Examples& examples, const std::vector<uint32_t>& chosen, const c10::Device& device);

}  // namespace hone::tune
