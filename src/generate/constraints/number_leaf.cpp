#include <string>

#include "generate/constraints/leaves.h"

namespace hone::generate {
namespace {

constexpr int kIntegerDigits = 18;  // fit into 64 bits
constexpr int kNumberDigits = 17;
constexpr int kBoundedDigits = 15;  // any two decimals of so many digits are two different 64-bit floats

/// A decimal of any length without its sign: digits before and behind the point, no zeros at the outer ends.
struct Magnitude {
  bool negative = false;
  std::string whole, part;

  explicit Magnitude(const std::string& decimal) {
    size_t at = 0;
    if (!decimal.empty() && decimal[0] == '-') {
      negative = true;
      ++at;
    }
    const size_t point = std::min(decimal.find('.'), decimal.size());
    while (at < point && decimal[at] == '0') ++at;
    whole = decimal.substr(at, point - at);
    if (point < decimal.size()) part = decimal.substr(point + 1);
    while (!part.empty() && part.back() == '0') part.pop_back();
    if (whole.empty() && part.empty()) negative = false;
    if (whole.empty()) whole = "0";
  }
};

struct Bound {
  const Magnitude* at = nullptr;  ///< null: no bound
  bool open = false;
};

/// Adds the spellings, without sign, of the numbers between two bounds that are not negative.
class Magnitudes {
 public:
  Magnitudes(ByteGraph& graph, Budget& budget, bool integer, Bound low, Bound high)
      : graph_(graph), budget_(budget), integer_(integer), low_(low), high_(high) {}

  void add(int32_t from) {
    const int most = integer_ ? kIntegerDigits : kBoundedDigits;
    // How a number compares is decided by how many digits it has before the point, then digit by digit.
    for (int digits = 1; digits <= most; ++digits) {
      const int over = low_.at ? compare_length(digits, *low_.at) : 1;
      const int under = high_.at ? compare_length(digits, *high_.at) : -1;
      if (over < 0 || under > 0) continue;
      whole(from, {.tied_low = over == 0, .tied_high = under == 0}, 0, digits);
    }
  }

 private:
  /// Whether all digits so far are those of the bound.
  struct Ties {
    bool tied_low, tied_high;
  };
  static int compare_length(int digits, const Magnitude& bound) {
    const auto other = static_cast<int>(bound.whole.size());
    return digits < other ? -1 : digits > other ? 1 : 0;
  }

  /// Calls `go(low, high, ties)` with runs of digits that may come where the bounds have `low` and `high`.
  template <typename Go>
  void digits(Ties ties, char low, char high, char smallest, Go go) {
    for (char digit = smallest; digit <= '9'; ++digit) {
      if ((ties.tied_low && digit < low) || (ties.tied_high && digit > high)) continue;
      go(digit, Ties{ties.tied_low && digit == low, ties.tied_high && digit == high});
    }
  }

  void whole(int32_t from, Ties ties, int at, int count) {
    budget_.spend(1);
    if (!ties.tied_low && !ties.tied_high) {
      free_whole(from, at, count);
      return;
    }
    const auto place = static_cast<size_t>(at);
    const char smallest = at == 0 && count > 1 ? '1' : '0';
    digits(ties, ties.tied_low ? low_.at->whole[place] : '0', ties.tied_high ? high_.at->whole[place] : '9', smallest,
           [&](char digit, Ties next) {
             const int32_t to = graph_.add_state();
             graph_.edge(from, digit, to);
             at + 1 < count ? whole(to, next, at + 1, count) : whole_ends(to, next, count);
           });
  }
  void free_whole(int32_t from, int at, int count) {
    for (; at < count; ++at) {
      const int32_t to = graph_.add_state();
      graph_.edge(from, at == 0 && count > 1 ? '1' : '0', '9', to);
      from = to;
    }
    whole_ends(from, {false, false}, count);
  }
  void whole_ends(int32_t state, Ties ties, int count) {
    if (fits(ties, 0)) graph_.accept(state);
    if (!integer_) part(graph_.literal(state, "."), ties, 0, kBoundedDigits - count);
  }

  void part(int32_t from, Ties ties, int at, int most) {
    budget_.spend(1);
    if (at >= most) return;
    if (!ties.tied_low && !ties.tied_high) {
      for (; at < most; ++at) {
        const int32_t to = graph_.add_state();
        graph_.edge(from, '0', '9', to);
        graph_.accept(to);
        from = to;
      }
      return;
    }
    const auto place = static_cast<size_t>(at);
    const auto digit_of = [place](const Bound& bound) {
      return bound.at && place < bound.at->part.size() ? bound.at->part[place] : '0';
    };
    digits(ties, digit_of(low_), digit_of(high_), '0', [&](char digit, Ties next) {
      const int32_t to = graph_.add_state();
      graph_.edge(from, digit, to);
      if (fits(next, place + 1)) graph_.accept(to);
      part(to, next, at + 1, most);
    });
  }
  /// Whether a number may end here, with `place` digits behind the point.
  bool fits(Ties ties, size_t place) const {
    if (ties.tied_low && (place < low_.at->part.size() || low_.open)) return false;
    return !ties.tied_high || place < high_.at->part.size() || !high_.open;
  }

  ByteGraph& graph_;
  Budget& budget_;
  bool integer_;
  Bound low_, high_;
};

Leaf any_number(bool integer, Budget& budget) {
  ByteGraph graph;
  const auto digits = [&graph](int32_t from, int most, auto each) {
    for (int i = 0; i < most; ++i) {
      const int32_t to = graph.add_state();
      graph.edge(from, '0', '9', to);
      each(to);
      from = to;
    }
  };
  const int32_t first = graph.add_state(), minus = graph.literal(ByteGraph::kStart, "-"), end = graph.add_state();
  for (const int32_t from : {ByteGraph::kStart, minus}) {
    graph.edge(from, '1', '9', first);
    graph.edge(from, '0', end);
  }
  std::vector<int32_t> whole{first, end};
  digits(first, (integer ? kIntegerDigits : kNumberDigits) - 1, [&](int32_t s) { whole.push_back(s); });
  const int32_t point = graph.add_state(), e = graph.add_state(), power = graph.add_state();
  std::vector<int32_t> mantissa = whole;
  digits(point, kNumberDigits, [&](int32_t s) { mantissa.push_back(s); });
  for (const int32_t state : whole) {
    if (!integer) graph.edge(state, '.', point);
  }
  for (const int32_t state : integer ? whole : mantissa) {
    graph.accept(state);
    if (integer) continue;
    graph.edge(state, 'e', e);
    graph.edge(state, 'E', e);
  }
  graph.edge(e, '+', power);
  graph.edge(e, '-', power);
  digits(power, 2, [&](int32_t s) { graph.accept(s); });
  digits(e, 2, [&](int32_t s) { graph.accept(s); });
  return graph.determinize(budget);
}

}  // namespace

Leaf number_leaf(bool integer, const NumberRange& range, Budget& budget) {
  if (!range.low && !range.high) return any_number(integer, budget);
  std::optional<Magnitude> low, high;
  if (range.low) low.emplace(*range.low);
  if (range.high) high.emplace(*range.high);
  ByteGraph graph;
  if (!high || !high->negative) {
    const Bound from = low && !low->negative ? Bound{&*low, range.low_open} : Bound{};
    const Bound to = high ? Bound{&*high, range.high_open} : Bound{};
    Magnitudes(graph, budget, integer, from, to).add(ByteGraph::kStart);
  }
  if (!low || low->negative) {
    // Above -0, which is 0 and was said without a sign.
    const Magnitude zero("0");
    const Bound from = high && high->negative ? Bound{&*high, range.high_open} : Bound{&zero, true};
    const Bound to = low ? Bound{&*low, range.low_open} : Bound{};
    Magnitudes(graph, budget, integer, from, to).add(graph.literal(ByteGraph::kStart, "-"));
  }
  return graph.determinize(budget);
}

}  // namespace hone::generate
