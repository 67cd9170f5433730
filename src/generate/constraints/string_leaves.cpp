#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "generate/constraints/leaves.h"
#include "text/unicode.h"

namespace hone::generate {
namespace {

using ByteSpan = std::pair<uint8_t, uint8_t>;
constexpr int kMostBlanks = 32;

uint8_t byte_of(uint32_t code) {
  return static_cast<uint8_t>(code);
}

/// Cuts a range of code points into sequences of byte ranges (as RE2 and utf8-ranges do): cut where the length of
/// the encoding changes, then until the bytes behind the first that differs are free.
void utf8_sequences(uint32_t low, uint32_t high, const std::function<void(const std::vector<ByteSpan>&)>& take) {
  if (low > high) return;
  if (low <= 0xDFFF && high >= 0xD800) {  // surrogates are no characters
    if (low < 0xD800) utf8_sequences(low, 0xD7FF, take);
    if (high > 0xDFFF) utf8_sequences(0xE000, high, take);
    return;
  }
  for (const uint32_t last : {0x7FU, 0x7FFU, 0xFFFFU}) {
    if (low <= last && high > last) {
      utf8_sequences(low, last, take);
      utf8_sequences(last + 1, high, take);
      return;
    }
  }
  const int rest = low < 0x80 ? 0 : low < 0x800 ? 1 : low < 0x10000 ? 2 : 3;
  for (int i = 1; i <= rest; ++i) {
    const uint32_t mask = (1U << (6 * i)) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) {
      utf8_sequences(low, low | mask, take);
      utf8_sequences((low | mask) + 1, high, take);
      return;
    }
    if ((high & mask) != mask) {
      utf8_sequences(low, (high & ~mask) - 1, take);
      utf8_sequences(high & ~mask, high, take);
      return;
    }
  }
  std::string first, last;
  text::append_utf8(first, low);
  text::append_utf8(last, high);
  std::vector<ByteSpan> spans;
  for (size_t i = 0; i < first.size(); ++i) spans.emplace_back(byte_of(first[i]), byte_of(last[i]));
  take(spans);
}

/// Adds to a graph the ways in which JSON spells characters.
class Speller {
 public:
  Speller(ByteGraph& graph, Budget& budget) : graph_(graph), budget_(budget) {}

  void range(int32_t from, uint32_t low, uint32_t high, int32_t to) {
    for (uint32_t code = low; code <= std::min(high, 0x1FU); ++code) special(from, code, to);
    for (const uint32_t code : {uint32_t{'"'}, uint32_t{'\\'}}) {
      if (low <= code && code <= high) special(from, code, to);
    }
    low = std::max(low, 0x20U);
    raw(from, low, std::min(high, uint32_t{'"'} - 1), to);
    raw(from, std::max(low, uint32_t{'"'} + 1), std::min(high, uint32_t{'\\'} - 1), to);
    raw(from, std::max(low, uint32_t{'\\'} + 1), high, to);
  }
  /// Characters that stand for themselves.
  void raw(int32_t from, uint32_t low, uint32_t high, int32_t to) {
    utf8_sequences(low, high, [&](const std::vector<ByteSpan>& spans) {
      budget_.spend(8);
      graph_.edge(from, spans[0].first, spans[0].second, behind(spans, 1, to));
    });
  }

 private:
  /// The state from which the spans from i on lead to `to`; shared by all that end alike.
  int32_t behind(const std::vector<ByteSpan>& spans, size_t i, int32_t to) {
    if (i == spans.size()) return to;
    const auto [at, is_new] =
        tails_.try_emplace({to, {spans.begin() + static_cast<std::ptrdiff_t>(i), spans.end()}}, 0);
    if (is_new) {
      at->second = graph_.add_state();
      graph_.edge(at->second, spans[i].first, spans[i].second, behind(spans, i + 1, to));
    }
    return at->second;
  }
  void special(int32_t from, uint32_t code, int32_t to) {
    budget_.spend(8);
    const std::string spelled = to_line(Json(std::string(1, static_cast<char>(code))));
    graph_.edge(graph_.literal(from, spelled.substr(1, spelled.size() - 3)), spelled[spelled.size() - 2], to);
  }

  ByteGraph& graph_;
  Budget& budget_;
  std::map<std::pair<int32_t, std::vector<ByteSpan>>, int32_t> tails_;
};

Leaf make_any_string() {
  Budget budget{.place = "string"};
  ByteGraph graph;
  const int32_t between = graph.add_state(), end = graph.add_state();
  graph.edge(ByteGraph::kStart, '"', between);
  graph.edge(between, '"', end);
  graph.accept(end);
  Speller speller(graph, budget);
  speller.raw(between, 0x20, '"' - 1, between);
  speller.raw(between, '"' + 1, '\\' - 1, between);
  speller.raw(between, '\\' + 1, kLastChar, between);
  const int32_t escape = graph.add_state();
  graph.edge(between, '\\', escape);
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'}) graph.edge(escape, c, between);
  const auto hex = [&](int32_t from, std::string_view digits, int32_t to) {
    for (const char c : digits) graph.edge(from, c, to);
  };
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  const int32_t u = graph.add_state(), last = graph.add_state(), third = graph.add_state(), second = graph.add_state();
  graph.edge(escape, 'u', u);
  hex(last, kHex, between);
  hex(third, kHex, last);
  hex(second, kHex, third);
  hex(u, "0123456789abcefABCEF", second);
  // A character beyond U+FFFF is a pair: D800-DBFF, then DC00-DFFF.
  const int32_t after_d = graph.add_state();
  hex(u, "dD", after_d);
  hex(after_d, "01234567", third);
  const int32_t low_third = graph.add_state(), low_last = graph.add_state(), pair = graph.add_state();
  hex(after_d, "89abAB", low_third);
  hex(low_third, kHex, low_last);
  hex(low_last, kHex, pair);
  const int32_t low_d = graph.literal(pair, "\\u"), low_second = graph.add_state();
  hex(low_d, "dD", low_second);
  hex(low_second, "cdefCDEF", third);
  auto out = graph.determinize(budget);
  out->wide = true;
  out->between = out->step(0, '"');
  return out;
}

}  // namespace

Leaf literal_leaf(const std::vector<std::string>& choices, Budget& budget) {
  ByteGraph graph;
  for (const std::string& choice : choices) {
    budget.spend(4 * static_cast<int64_t>(choice.size()));
    graph.accept(graph.literal(ByteGraph::kStart, choice));
  }
  return graph.determinize(budget);
}

Leaf blank_leaf() {
  static const Leaf leaf = [] {
    Budget budget{.place = "blanks"};
    ByteGraph graph;
    graph.accept(ByteGraph::kStart);
    graph.accept(graph.literal(ByteGraph::kStart, " "));
    int32_t at = graph.literal(ByteGraph::kStart, "\n");
    graph.accept(at);
    for (int i = 0; i < kMostBlanks; ++i) {
      const int32_t next = graph.add_state();
      graph.edge(at, ' ', next);
      graph.edge(at, '\t', next);
      graph.accept(next);
      at = next;
    }
    return graph.determinize(budget);
  }();
  return leaf;
}

Leaf string_leaf() {
  static const Leaf leaf = make_any_string();
  return leaf;
}

Leaf string_leaf(const CharDfa& dfa, Budget& budget) {
  ByteGraph graph;
  const auto first = static_cast<int32_t>(graph.size());
  for (size_t s = 0; s < dfa.accepting.size(); ++s) graph.add_state();
  const int32_t end = graph.add_state();
  graph.accept(end);
  graph.edge(ByteGraph::kStart, '"', first);
  Speller speller(graph, budget);
  for (size_t s = 0; s < dfa.accepting.size(); ++s) {
    const int32_t from = first + static_cast<int32_t>(s);
    if (dfa.accepting[s]) graph.edge(from, '"', end);
    for (size_t c = 0; c < dfa.classes();) {
      const int32_t to = dfa.next[s * dfa.classes() + c];
      size_t past = c + 1;  // neighbouring classes with the same target are one range
      while (past < dfa.classes() && dfa.next[s * dfa.classes() + past] == to) ++past;
      budget.spend(static_cast<int64_t>(past - c));
      const uint32_t high = past < dfa.classes() ? dfa.starts[past] - 1 : kLastChar;
      if (to >= 0) speller.range(from, dfa.starts[c], high, first + to);
      c = past;
    }
  }
  auto out = graph.determinize(budget);
  if (out) out->wide = true;
  return out;
}

Leaf other_key_leaf(const std::vector<std::string>& taken, Budget& budget) {
  // A tree of the taken keys; whatever leaves it is free. What ends on a node that is a taken key is no key.
  struct Node {
    std::map<uint32_t, size_t> children;
    bool taken = false;
  };
  std::vector<Node> tree(1);
  for (const std::string& key : taken) {
    size_t at = 0;
    budget.spend(static_cast<int64_t>(key.size()));
    for (size_t i = 0; i < key.size();) {
      const uint32_t code = text::next_code(key, i);
      const auto [child, is_new] = tree[at].children.try_emplace(code, tree.size());
      at = child->second;
      if (is_new) tree.emplace_back();
    }
    tree[at].taken = true;
  }
  ByteGraph graph;
  const auto first = static_cast<int32_t>(graph.size());
  for (size_t i = 0; i < tree.size(); ++i) graph.add_state();
  const int32_t free = graph.add_state(), end = graph.add_state();
  Speller speller(graph, budget);
  const auto plain = [&](int32_t from, uint32_t low, uint32_t high, int32_t to) {
    low = std::max(low, 0x20U);
    speller.raw(from, low, std::min(high, uint32_t{'"'} - 1), to);
    speller.raw(from, std::max(low, uint32_t{'"'} + 1), std::min(high, uint32_t{'\\'} - 1), to);
    speller.raw(from, std::max(low, uint32_t{'\\'} + 1), high, to);
  };
  for (size_t i = 0; i < tree.size(); ++i) {
    const int32_t from = first + static_cast<int32_t>(i);
    uint32_t low = 0;
    for (const auto& [code, child] : tree[i].children) {
      if (code > low) plain(from, low, code - 1, free);
      plain(from, code, code, first + static_cast<int32_t>(child));
      low = code + 1;
    }
    plain(from, low, kLastChar, free);
    if (!tree[i].taken) graph.edge(from, '"', end);
  }
  plain(free, 0, kLastChar, free);
  graph.edge(free, '"', end);
  graph.edge(ByteGraph::kStart, '"', first);
  const int32_t colon = graph.literal(end, ":");
  graph.accept(colon);
  graph.accept(graph.literal(colon, " "));
  auto out = graph.determinize(budget);
  if (out) out->wide = true;
  return out;
}

}  // namespace hone::generate
