#include "text/tokenizers/models/piece_trie.h"

#include <algorithm>

namespace hone::text {

/// Places the children of one node after the other. Nodes with several children look into the last blocks
/// only; what stays free before them is taken by nodes with one child, of which there are more.
class PieceTrie::Builder {
 public:
  explicit Builder(std::vector<Unit>& units) : units_(units) {
    add_block();
    units_[kRoot].parent = kNoParent;
  }

  /// Gives `node` the children `bytes` (not empty) and says where they begin.
  uint32_t place(uint32_t node, const std::vector<unsigned char>& bytes) {
    const uint32_t base = bytes.size() == 1 ? first_free() ^ bytes[0] : find_base(bytes);
    units_[node].base = base;
    for (const unsigned char byte : bytes) units_[base ^ byte].parent = node;
    return base;
  }

 private:
  static constexpr size_t kBlocksTried = 2;

  void add_block() { units_.resize(units_.size() + kBlock); }

  uint32_t first_free() {
    while (first_free_ < units_.size() && units_[first_free_].parent != kFree) ++first_free_;
    if (first_free_ == units_.size()) add_block();
    return static_cast<uint32_t>(first_free_);
  }

  uint32_t find_base(const std::vector<unsigned char>& bytes) {
    const size_t tried = std::min(kBlocksTried * kBlock, units_.size());
    const auto fits = [&](size_t base) {
      return std::all_of(bytes.begin(), bytes.end(),
                         [&](unsigned char byte) { return units_[base ^ byte].parent == kFree; });
    };
    for (size_t base = units_.size() - tried; base < units_.size(); ++base) {
      if (fits(base)) return static_cast<uint32_t>(base);
    }
    add_block();
    return static_cast<uint32_t>(units_.size() - kBlock);
  }

  std::vector<Unit>& units_;
  size_t first_free_ = 0;
};

PieceTrie::PieceTrie(const std::vector<std::pair<std::string_view, int32_t>>& entries) {
  std::vector<std::pair<std::string_view, int32_t>> sorted(entries);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Builder builder(units_);
  struct Task {
    size_t begin, end, depth;  // the strings [begin, end) share their first `depth` bytes
    uint32_t node;
  };
  std::vector<Task> tasks{{0, sorted.size(), 0, kRoot}};
  std::vector<unsigned char> bytes;
  std::vector<size_t> starts;
  while (!tasks.empty()) {
    Task task = tasks.back();
    tasks.pop_back();
    for (; task.begin < task.end && sorted[task.begin].first.size() == task.depth; ++task.begin) {
      if (task.depth > 0) units_[task.node].id = sorted[task.begin].second;
    }
    if (task.begin == task.end) continue;
    bytes.clear();
    starts.clear();
    for (size_t i = task.begin; i < task.end; ++i) {
      const auto byte = static_cast<unsigned char>(sorted[i].first[task.depth]);
      if (!bytes.empty() && bytes.back() == byte) continue;
      bytes.push_back(byte);
      starts.push_back(i);
    }
    const uint32_t base = builder.place(task.node, bytes);
    for (size_t i = 0; i < bytes.size(); ++i) {
      const size_t end = i + 1 < bytes.size() ? starts[i + 1] : task.end;
      tasks.push_back({starts[i], end, task.depth + 1, base ^ bytes[i]});
    }
  }
}

}  // namespace hone::text
