// Any bytes as a price table: read, or refused with an Error. What is accepted can be reckoned with.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "metrics/cost/calculator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto table = hone::metrics::parse_prices({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    if (table.models.empty() || !hone::metrics::days_since(table.date, {})) std::abort();
    for (const auto& model : table.models) {
      if (std::isnan(hone::metrics::daily_cost(model, 1000, 200, 300))) std::abort();
    }
  } catch (const hone::Error&) {
  }
  return 0;
}
