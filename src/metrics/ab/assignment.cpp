#include "metrics/ab/assignment.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"

namespace hone::metrics {
namespace {

constexpr uint64_t kWhole = uint64_t{1} << 53;

uint64_t user_point(std::string_view experiment, std::string_view user) {
  std::string key(experiment);
  key += ':';
  key += user;
  return hash64(key) >> 11;
}

void check_weights(const Weights& weights, const std::string& place) {
  if (weights.empty()) fail_input(place, "names no variant", "give each variant its share, e.g. control 0.5");
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto& [name, weight] = weights[i];
    if (name.empty()) fail_input(place, "has a variant without a name");
    for (size_t k = 0; k < i; ++k) {
      if (weights[k].first == name) fail_input(place, "names \"" + excerpt(name, 60) + "\" twice");
    }
    if (!(weight >= 0 && weight <= 1)) {
      fail_input(place, format("the share of \"%s\" is %g", excerpt(name, 60).c_str(), weight),
                 "shares are numbers from 0 to 1");
    }
    sum += weight;
  }
  if (std::abs(sum - 1) > 1e-6) {
    fail_input(place, format("the shares sum to %.9g, not to 1", sum), "change them so that they sum to 1");
  }
}

/// Lengths in units of 2^-53 that sum to the whole, from rounded cumulative sums.
std::vector<uint64_t> lengths_of(const Weights& weights) {
  double sum = 0;
  for (const auto& weight : weights) sum += weight.second;
  std::vector<uint64_t> lengths;
  uint64_t begin = 0;
  double upto = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    upto += weights[i].second;
    const bool rest_is_empty = std::all_of(weights.begin() + static_cast<ptrdiff_t>(i) + 1, weights.end(),
                                           [](const auto& later) { return later.second == 0; });
    const uint64_t end =
        rest_is_empty ? kWhole
                      : std::min(kWhole, static_cast<uint64_t>(std::llround(upto / sum * static_cast<double>(kWhole))));
    lengths.push_back(end - begin);
    begin = end;
  }
  return lengths;
}

/// Puts neighbours of one variant together and leaves out empty ones.
std::vector<Assignment::Segment> tidy(const std::vector<Assignment::Segment>& segments) {
  std::vector<Assignment::Segment> tidied;
  uint64_t begin = 0;
  for (const auto& segment : segments) {
    if (segment.end == begin) continue;
    if (!tidied.empty() && tidied.back().variant == segment.variant)
      tidied.back().end = segment.end;
    else
      tidied.push_back(segment);
    begin = segment.end;
  }
  return tidied;
}

}  // namespace

double user_fraction(std::string_view experiment, std::string_view user) {
  if (experiment.find(':') != std::string_view::npos) {
    fail_input("experiment", "the name \"" + excerpt(experiment, 60) + "\" holds a ':'",
               "':' parts the experiment from the user; choose a name without it");
  }
  return static_cast<double>(user_point(experiment, user)) / static_cast<double>(kWhole);
}

Assignment::Assignment(std::string experiment, const Weights& weights, const std::string& place)
    : experiment_(std::move(experiment)) {
  user_fraction(experiment_, "");  // checks the name
  check_weights(weights, place);
  const auto lengths = lengths_of(weights);
  uint64_t end = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    variants_.push_back(weights[i].first);
    segments_.push_back({end += lengths[i], static_cast<uint32_t>(i)});
  }
  segments_ = tidy(segments_);
}

Assignment Assignment::restored(std::string experiment, std::vector<std::string> variants,
                                std::vector<Segment> segments, const std::string& place) {
  uint64_t begin = 0;
  for (const Segment& segment : segments) {
    if (segment.end <= begin || segment.end > kWhole || segment.variant >= variants.size()) {
      fail_input(place, "are not those of an assignment", "keep them as segments() gives them");
    }
    begin = segment.end;
  }
  if (begin != kWhole) fail_input(place, "do not cover all users", "keep them as segments() gives them");
  Assignment assignment;
  assignment.experiment_ = std::move(experiment);
  assignment.variants_ = std::move(variants);
  assignment.segments_ = std::move(segments);
  return assignment;
}

const std::string& Assignment::variant_of(std::string_view user) const {
  const uint64_t point = user_point(experiment_, user);
  const auto segment = std::upper_bound(segments_.begin(), segments_.end(), point,
                                        [](uint64_t value, const Segment& other) { return value < other.end; });
  return variants_[segment->variant];
}

std::vector<double> Assignment::shares() const {
  std::vector<double> shares(variants_.size(), 0.0);
  uint64_t begin = 0;
  for (const Segment& segment : segments_) {
    shares[segment.variant] += static_cast<double>(segment.end - begin) / static_cast<double>(kWhole);
    begin = segment.end;
  }
  return shares;
}

Assignment Assignment::reweighted(const Weights& weights, const std::string& place) const {
  Assignment changed(experiment_, weights, place);
  for (size_t i = 0; i < variants_.size(); ++i) {
    if (i >= weights.size() || weights[i].first != variants_[i]) {
      fail_input(place, format("variant %zu was \"%s\" and is so no more", i + 1, excerpt(variants_[i], 60).c_str()),
                 "keep the order, add variants at the end, and give one that is to go the share 0");
    }
  }
  std::vector<uint64_t> wanted = lengths_of(weights);
  // What each variant keeps of its segments, from their beginning; the rest of each is free.
  std::vector<uint64_t> kept(wanted.size(), 0);
  std::vector<Segment> parts;
  constexpr uint32_t kFree = UINT32_MAX;
  uint64_t begin = 0;
  for (const Segment& segment : segments_) {
    const uint64_t length = segment.end - begin;
    const uint64_t stays = std::min(length, wanted[segment.variant] - kept[segment.variant]);
    kept[segment.variant] += stays;
    parts.push_back({begin + stays, segment.variant});
    parts.push_back({segment.end, kFree});
    begin = segment.end;
  }
  // Free parts go, from the left, to the variants that lack, in the order of the list.
  std::vector<Segment> filled;
  uint32_t taker = 0;
  begin = 0;
  for (const Segment& part : parts) {
    if (part.variant != kFree) {
      filled.push_back(part);
      begin = part.end;
      continue;
    }
    while (begin < part.end) {
      while (kept[taker] == wanted[taker]) ++taker;
      const uint64_t taken = std::min(part.end - begin, wanted[taker] - kept[taker]);
      kept[taker] += taken;
      begin += taken;
      filled.push_back({begin, taker});
    }
  }
  changed.segments_ = tidy(filled);
  return changed;
}

}  // namespace hone::metrics
