// Figures of experiments, read again for each question. Those of more than 20,000 users take long, and pages ask every
// few seconds: there an answer stands for ten times as long as it took, from five seconds to a minute.
#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "serve/ab/experiment_record.h"

namespace hone::serve {

/// Thread-safe.
class Figures {
 public:
  explicit Figures(store::Database& database, uint64_t many = 20'000) : database_(database), many_(many) {}
  metrics::Experiment of(const ExperimentRecord& experiment);

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    metrics::Experiment figures;
    size_t periods = 0;  ///< other weights, other figures
    Clock::time_point until;
  };

  store::Database& database_;
  const uint64_t many_;  ///< users
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  ///< by id
};

}  // namespace hone::serve
