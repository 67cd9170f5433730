#include "metrics/ngrams.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace hone::metrics {
namespace {

constexpr uint32_t kAbsent = UINT32_MAX;

size_t spread(uint64_t key) {
  key ^= key >> 29;
  key *= 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio
  return key >> 20;
}

}  // namespace

std::string_view Vocabulary::text(uint32_t number) const {
  const size_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view(arena_).substr(begin, ends_[number] - begin);
}

void Vocabulary::grow() {
  slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (uint32_t number = 0; number < hashes_.size(); ++number) {
    size_t slot = hashes_[number] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = number + 1;
  }
}

uint32_t Vocabulary::number(std::string_view token) {
  if (hashes_.size() * 2 >= slots_.size()) grow();
  const uint64_t hash = hash64(token);
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const uint32_t number = slots_[slot] - 1;
    if (hashes_[number] == hash && text(number) == token) return number;
  }
  const auto number = static_cast<uint32_t>(hashes_.size());
  slots_[slot] = number + 1;
  arena_ += token;
  ends_.push_back(arena_.size());
  hashes_.push_back(hash);
  return number;
}

void Vocabulary::numbers(const Tokens& tokens, std::vector<uint32_t>& out) {
  out.resize(tokens.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = number(tokens[i]);
}

void NgramCounter::clear_table(size_t entries) {
  const size_t wanted = std::bit_ceil(std::max<size_t>(64, entries * 2));
  if (wanted > slots_.size()) {
    slots_.assign(wanted, Slot{});
    stamp_ = 0;
  }
  // A short example after a long one stays in the few slots that are warm in the cache.
  mask_ = wanted - 1;
  used_ = 0;
  if (++stamp_ == 0) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    stamp_ = 1;
  }
}

uint32_t NgramCounter::number_of(uint32_t prefix, uint32_t last) {
  const uint64_t key = uint64_t{prefix} << 32 | last;
  size_t slot = spread(key) & mask_;
  for (; slots_[slot].stamp == stamp_; slot = (slot + 1) & mask_) {
    if (slots_[slot].key == key) return slots_[slot].number;
  }
  slots_[slot] = {key, stamp_, used_};
  return used_++;
}

uint32_t NgramCounter::find(uint32_t prefix, uint32_t last) const {
  const uint64_t key = uint64_t{prefix} << 32 | last;
  for (size_t slot = spread(key) & mask_; slots_[slot].stamp == stamp_; slot = (slot + 1) & mask_) {
    if (slots_[slot].key == key) return slots_[slot].number;
  }
  return kAbsent;
}

void NgramCounter::start(std::span<const uint32_t> prediction, std::span<const std::vector<uint32_t>> references) {
  prediction_ = prediction;
  references_ = references;
  order_ = 0;
  prediction_prefix_.assign(prediction.size(), 0);
  reference_prefix_.resize(std::max(reference_prefix_.size(), references.size()));
  for (size_t r = 0; r < references.size(); ++r) reference_prefix_[r].assign(references[r].size(), 0);
}

NgramMatch NgramCounter::next_order() {
  const size_t n = ++order_;
  size_t entries = 0;
  for (const auto& reference : references_) entries += reference.size();
  clear_table(entries);
  limit_.assign(entries, 0);
  for (size_t r = 0; r < references_.size(); ++r) {
    const std::vector<uint32_t>& reference = references_[r];
    std::vector<uint32_t>& prefix = reference_prefix_[r];
    count_.assign(entries, 0);
    for (size_t i = 0; i + n <= reference.size(); ++i) {
      prefix[i] = number_of(prefix[i], reference[i + n - 1]);
      limit_[prefix[i]] = std::max(limit_[prefix[i]], ++count_[prefix[i]]);
    }
  }
  NgramMatch match;
  for (size_t i = 0; i + n <= prediction_.size(); ++i) {
    ++match.prediction;
    // An n-gram whose first n-1 tokens are in no reference cannot be in one either.
    uint32_t& prefix = prediction_prefix_[i];
    if (prefix != kAbsent) prefix = find(prefix, prediction_[i + n - 1]);
    if (prefix == kAbsent || limit_[prefix] == 0) continue;
    --limit_[prefix];
    ++match.matched;
  }
  return match;
}

}  // namespace hone::metrics
