// Which variant of an experiment a user sees: a function of the experiment's name, the user's id and the shares, so
// that every server, today and after an upgrade, gives the same answer without asking a store.
//
//   h     = XXH3-64 (seed 0) of the UTF-8 bytes "EXPERIMENT:USER"
//   u     = h >> 11, the first 53 bits: a number of [0, 2^53)
//   share = [0, 2^53) is cut into segments in the order of the variants, each as long as its weight; u falls into one
//
// When weights change, `reweighted` hands over the ends of the segments that shrink and touches nothing else: exactly
// half of the sum of |new - old| of the users move, the least that any rule can do.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::metrics {

/// In the order in which they were listed.
using Weights = std::vector<std::pair<std::string, double>>;

/// u / 2^53 of the rule above, in [0, 1). The experiment's name holds no ':' (Error), or two experiments could meet.
double user_fraction(std::string_view experiment, std::string_view user);

class Assignment {
 public:
  /// Half-open, ends where the next begins; the last ends at 2^53.
  struct Segment {
    uint64_t end;
    uint32_t variant;
  };

  /// Weights are in [0, 1] and sum to 1 within 1e-6, names differ and are not empty; else Error naming `place`.
  Assignment(std::string experiment, const Weights& weights, const std::string& place = "traffic_split");

  /// One that was kept: `segments` as segments() gave them. Error naming `place` for what cannot have come from there.
  static Assignment restored(std::string experiment, std::vector<std::string> variants, std::vector<Segment> segments,
                             const std::string& place = "segments");

  const std::string& variant_of(std::string_view user) const;
  /// Variants may be added at the end of the list; one that is to go is listed with weight 0.
  Assignment reweighted(const Weights& weights, const std::string& place = "traffic_split") const;

  const std::string& experiment() const { return experiment_; }
  const std::vector<std::string>& variants() const { return variants_; }
  /// What each variant really gets: its weight to within 2^-53.
  std::vector<double> shares() const;
  /// The state of an experiment: keep it beside the weights when they have changed.
  const std::vector<Segment>& segments() const { return segments_; }

 private:
  Assignment() = default;

  std::string experiment_;
  std::vector<std::string> variants_;
  std::vector<Segment> segments_;
};

}  // namespace hone::metrics
