// How `hone cost` reads what it reckons with and shows the answer to people.
#pragma once
#include <cstdint>
#include <string>

#include "base/language.h"
#include "cli/plain/data_facts.h"
#include "metrics/cost/report.h"

namespace hone::cli {

/// As asked on the command line; the members of `question` that are read from files are filled in by complete().
struct CostRequest {
  metrics::CostQuestion question;
  std::string prices;  ///< file; "" for the built-in table
  uint64_t tokens_per_example = 0;
  DataFactsOptions data;
  std::string run;    ///< folder whose metrics.jsonl tells tokens a second
  std::string today;  ///< "" asks the clock
};

/// The question as a whole.
metrics::CostQuestion complete(const CostRequest& request);
std::string to_text(const metrics::CostQuestion& question, const metrics::CostReport& report, Language language);

}  // namespace hone::cli
