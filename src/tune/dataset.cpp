#include "tune/dataset.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/hash.h"
#include "base/random.h"
#include "base/strings.h"
#include "model/head_loss.h"

namespace hone::tune {

std::string data_fingerprint(const Examples& examples) {
  std::string bytes;
  for (const auto& example : examples) {
    const uint64_t ids =
        hash64({reinterpret_cast<const char*>(example.ids.data()), example.ids.size() * sizeof(int32_t)});
    const uint64_t mask = hash64({reinterpret_cast<const char*>(example.trained.data()), example.trained.size()});
    bytes.append(reinterpret_cast<const char*>(&ids), sizeof ids);
    bytes.append(reinterpret_cast<const char*>(&mask), sizeof mask);
  }
  return fingerprint(bytes);
}

std::vector<std::vector<uint32_t>> pack_best_fit(const std::vector<int64_t>& lengths, int64_t capacity) {
  std::vector<uint32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<uint32_t>> bins;
  std::set<std::pair<int64_t, uint32_t>> space;  // (room left, bin): the first that fits is the tightest
  for (const uint32_t item : order) {
    const auto found = space.lower_bound({lengths[item], 0});
    uint32_t bin;
    int64_t room;
    if (found == space.end()) {
      bin = static_cast<uint32_t>(bins.size());
      bins.emplace_back();
      room = capacity - lengths[item];
    } else {
      bin = found->second;
      room = found->first - lengths[item];
      space.erase(found);
    }
    bins[bin].push_back(item);
    if (room > 0) space.insert({room, bin});
  }
  return bins;
}

BatchPlan::BatchPlan(const Examples& examples, const BatchOptions& options) : options_(options) {
  const auto unit = static_cast<uint32_t>(options_.unit);
  std::vector<int64_t> lengths(examples.size() / unit);
  for (size_t i = 0; i < examples.size(); ++i) lengths[i / unit] += static_cast<int64_t>(examples[i].ids.size());
  if (options_.packing) {
    rows_ = pack_best_fit(lengths, options_.max_length);
  } else {
    for (uint32_t i = 0; i < lengths.size(); ++i) rows_.push_back({i});
  }
  for (auto& row : rows_) {
    std::vector<uint32_t> sequences;
    for (const uint32_t piece : row) {
      for (uint32_t i = 0; i < unit; ++i) sequences.push_back(piece * unit + i);
    }
    row = std::move(sequences);
  }
  for (const auto& row : rows_) {
    row_lengths_.push_back(0);
    for (const uint32_t i : row) row_lengths_.back() += static_cast<int64_t>(examples[i].ids.size());
  }
}

int64_t BatchPlan::micro_batches() const {
  return (rows() + options_.rows - 1) / options_.rows;
}

void BatchPlan::group(std::vector<uint32_t>& order) const {
  const int64_t stretch = options_.rows * std::clamp<int64_t>(rows() / (options_.rows * 4), 1, 50);
  const auto longer = [&](uint32_t a, uint32_t b) { return row_lengths_[a] > row_lengths_[b]; };
  auto longest = order.begin();  // each stretch begins with its own
  for (int64_t begin = 0; begin < rows(); begin += stretch) {
    const auto first = order.begin() + begin;
    std::stable_sort(first, order.begin() + std::min(begin + stretch, rows()), longer);
    if (longer(*first, *longest)) longest = first;
  }
  std::swap(*longest, order.front());
}

std::vector<std::vector<uint32_t>> BatchPlan::epoch(uint64_t epoch) const {
  std::vector<uint32_t> order(rows_.size());
  std::iota(order.begin(), order.end(), 0u);
  if (options_.shuffle) order = permutation(static_cast<uint32_t>(rows_.size()), options_.seed, epoch);
  if (options_.group_by_length) group(order);
  std::vector<std::vector<uint32_t>> batches;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i % static_cast<size_t>(options_.rows) == 0) batches.emplace_back();
    const auto& row = rows_[order[i]];
    batches.back().insert(batches.back().end(), row.begin(), row.end());
  }
  return batches;
}

MicroBatch make_micro_batch(const Examples& examples, const std::vector<uint32_t>& chosen, const c10::Device& device) {
  MicroBatch micro;
  std::vector<std::span<const int32_t>> sequences;
  for (const uint32_t i : chosen) {
    sequences.emplace_back(examples[i].ids);
    micro.tokens += static_cast<int64_t>(examples[i].ids.size());
  }
  micro.batch = model::pack_evenly(sequences, device);
  std::vector<int64_t> targets;
  for (const uint32_t i : chosen) {
    text::append_targets(examples[i], model::kIgnore, targets);
    micro.trained += text::trained_targets(examples[i]);
  }
  targets.resize(static_cast<size_t>(micro.batch.cu_seqlens.back()), model::kIgnore);
  micro.targets = tensor_of(targets);
  return micro;
}

}  // namespace hone::tune
