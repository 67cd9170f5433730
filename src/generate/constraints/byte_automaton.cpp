#include "generate/constraints/byte_automaton.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

namespace hone::generate {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

/// Leaves out every way to a state from which nothing is accepted; false when the start is such a state.
bool trim(ByteAutomaton& automaton) {
  const size_t count = automaton.flags.size(), classes = automaton.classes;
  std::vector<std::vector<int32_t>> before(count);
  std::vector<int32_t> open;
  std::vector<bool> alive(count);
  for (size_t s = 0; s < count; ++s) {
    for (size_t c = 0; c < classes; ++c) {
      const int32_t to = automaton.next[s * classes + c];
      if (to >= 0 && (before[static_cast<size_t>(to)].empty() ||
                      before[static_cast<size_t>(to)].back() != static_cast<int32_t>(s))) {
        before[static_cast<size_t>(to)].push_back(static_cast<int32_t>(s));
      }
    }
    if (automaton.accepts(static_cast<int32_t>(s))) {
      alive[s] = true;
      open.push_back(static_cast<int32_t>(s));
    }
  }
  while (!open.empty()) {
    const auto state = static_cast<size_t>(open.back());
    open.pop_back();
    for (const int32_t s : before[state]) {
      if (alive[static_cast<size_t>(s)]) continue;
      alive[static_cast<size_t>(s)] = true;
      open.push_back(s);
    }
  }
  for (size_t s = 0; s < count; ++s) {
    for (size_t c = 0; c < classes; ++c) {
      int32_t& to = automaton.next[s * classes + c];
      if (to >= 0 && !alive[static_cast<size_t>(to)]) to = ByteAutomaton::kDead;
      if (to >= 0) automaton.flags[s] |= ByteAutomaton::kGoesOn;
    }
  }
  return alive[0];
}

}  // namespace

int32_t ByteGraph::literal(int32_t from, std::string_view bytes) {
  for (const char byte : bytes) {
    const int32_t to = add_state();
    edge(from, byte, to);
    from = to;
  }
  return from;
}

std::shared_ptr<ByteAutomaton> ByteGraph::determinize(Budget& budget) const {
  auto out = std::make_shared<ByteAutomaton>();
  out->id = next_id();
  // Bytes that no edge tells apart are one class.
  std::array<bool, 257> begins{};
  for (const State& state : states_) {
    for (const Edge& edge : state.edges) begins[edge.low] = begins[edge.high + 1U] = true;
  }
  uint32_t last = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (byte > 0 && begins[byte]) ++last;
    out->class_of[byte] = static_cast<uint8_t>(last);
  }
  out->classes = last + 1;
  budget.spend(static_cast<int64_t>(states_.size()));

  std::map<std::vector<int32_t>, int32_t> known;
  std::vector<const std::vector<int32_t>*> sets;
  const auto state_of = [&](std::vector<int32_t> set) {
    const auto [at, is_new] = known.try_emplace(std::move(set), static_cast<int32_t>(sets.size()));
    if (is_new) sets.push_back(&at->first);
    return at->second;
  };
  state_of({kStart});
  std::vector<std::vector<int32_t>> moves(out->classes);
  for (size_t at = 0; at < sets.size(); ++at) {
    uint8_t flags = 0;
    int64_t work = 16 + out->classes;
    for (const int32_t member : *sets[at]) {
      const State& state = states_[static_cast<size_t>(member)];
      if (state.accepting) flags = ByteAutomaton::kAccepts;
      for (const Edge& edge : state.edges) {
        const uint32_t end = out->class_of[edge.high];
        for (uint32_t c = out->class_of[edge.low]; c <= end; ++c) moves[c].push_back(edge.to);
        work += 1 + end - out->class_of[edge.low];
      }
    }
    budget.spend(work);
    out->flags.push_back(flags);
    for (std::vector<int32_t>& set : moves) {
      std::sort(set.begin(), set.end());
      set.erase(std::unique(set.begin(), set.end()), set.end());
      out->next.push_back(set.empty() ? ByteAutomaton::kDead : state_of(set));
      set.clear();
    }
  }
  return trim(*out) ? out : nullptr;
}

}  // namespace hone::generate
