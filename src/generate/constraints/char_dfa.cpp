#include "generate/constraints/char_dfa.h"

#include <algorithm>
#include <map>

namespace hone::generate {

CharRanges normalized(CharRanges ranges) {
  std::sort(ranges.begin(), ranges.end());
  CharRanges out;
  for (const auto& [low, high] : ranges) {
    if (!out.empty() && low <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, high);
    } else {
      out.emplace_back(low, high);
    }
  }
  return out;
}

CharRanges complement(const CharRanges& ranges) {
  CharRanges out;
  uint32_t from = 0;
  for (const auto& [low, high] : ranges) {
    if (low > from) out.emplace_back(from, low - 1);
    from = high + 1;
  }
  if (from <= kLastChar) out.emplace_back(from, kLastChar);
  return out;
}

CharDfa length_dfa(int64_t min, int64_t max, Budget& budget) {
  CharDfa out;
  const int64_t last = std::max(min, max);
  budget.spend(last);
  for (int64_t count = 0; count <= last; ++count) {
    out.accepting.push_back(count >= min);
    out.next.push_back(static_cast<int32_t>(count < last ? count + 1 : max < 0 ? count : -1));
  }
  return out;
}

CharDfa intersect(const CharDfa& a, const CharDfa& b, Budget& budget) {
  CharDfa out;
  std::merge(a.starts.begin(), a.starts.end(), b.starts.begin(), b.starts.end(), std::back_inserter(out.starts));
  out.starts.erase(out.starts.begin());  // both begin with 0
  out.starts.erase(std::unique(out.starts.begin(), out.starts.end()), out.starts.end());
  const auto class_in = [](const CharDfa& dfa, uint32_t code) {
    return static_cast<size_t>(std::upper_bound(dfa.starts.begin(), dfa.starts.end(), code) - dfa.starts.begin()) - 1;
  };
  std::vector<std::pair<size_t, size_t>> classes;
  for (const uint32_t start : out.starts) classes.emplace_back(class_in(a, start), class_in(b, start));

  std::map<std::pair<int32_t, int32_t>, int32_t> known;
  std::vector<std::pair<int32_t, int32_t>> pairs;
  const auto state_of = [&](std::pair<int32_t, int32_t> pair) {
    const auto [at, is_new] = known.try_emplace(pair, static_cast<int32_t>(pairs.size()));
    if (is_new) pairs.push_back(pair);
    return at->second;
  };
  state_of({0, 0});
  for (size_t at = 0; at < pairs.size(); ++at) {
    const auto left = static_cast<size_t>(pairs[at].first), right = static_cast<size_t>(pairs[at].second);
    budget.spend(static_cast<int64_t>(classes.size()) + 8);
    out.accepting.push_back(a.accepting[left] && b.accepting[right]);
    for (const auto& [in_a, in_b] : classes) {
      const int32_t to_a = a.next[left * a.classes() + in_a], to_b = b.next[right * b.classes() + in_b];
      out.next.push_back(to_a < 0 || to_b < 0 ? -1 : state_of({to_a, to_b}));
    }
  }
  return out;
}

}  // namespace hone::generate
