// POST /v1/costs: what training and use cost at a provider and on a machine of one's own, as `hone cost` reckons.
#pragma once
#include "net/server.h"

namespace hone::serve {

/// Body, each member optional: {"models": [name], "examples", "tokens_per_example" | "tokens_per_epoch", "n_epochs",
/// "requests_per_day", "input_tokens", "output_tokens", "training_tokens_per_second", "answer_tokens_per_second",
/// "hardware": {"price_per_hour", "watts", "price_per_kwh", "purchase"}}
/// Answer: metrics::to_json(CostReport) with "object": "cost". The tokens of a file are told by its validation.
void add_costs_api(net::Server& server);

}  // namespace hone::serve
