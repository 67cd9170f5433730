#include "serve/ab/figures.h"

#include <algorithm>

#include "serve/ab/statistics.h"

namespace hone::serve {
namespace {

constexpr std::chrono::seconds kShortest{5}, kLongest{60};
constexpr int kStandsFor = 10;

}  // namespace

metrics::Experiment Figures::of(const ExperimentRecord& experiment) {
  const Clock::time_point begin = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [&](const auto& one) { return one.second.until <= begin; });
    const auto found = kept_.find(experiment.id);
    if (found != kept_.end() && found->second.periods == experiment.periods.size()) return found->second.figures;
  }
  metrics::Experiment figures = read_figures(database_, experiment);
  uint64_t users = 0;
  for (const metrics::VariantData& variant : figures.variants) users += variant.users;
  if (users > many_) {
    const Clock::time_point end = Clock::now();
    const auto stands = std::clamp<Clock::duration>(kStandsFor * (end - begin), kShortest, kLongest);
    const std::lock_guard lock(mutex_);
    kept_[experiment.id] = {figures, experiment.periods.size(), end + stands};
  }
  return figures;
}

}  // namespace hone::serve
