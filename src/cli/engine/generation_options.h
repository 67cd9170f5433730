// Options that generate, chat, evaluate and compare share: how the next token is chosen and when to end.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "generate/engine.h"

namespace CLI {
class App;
}

namespace hone::cli {

struct GenerationChoice {
  generate::SamplingOptions sampling;
  std::vector<std::string> stop;
  int64_t max_new_tokens = 128;
  uint64_t seed = 42;
  std::string chat_template;
};

/// Adds --max-new-tokens, --temperature, --top-k, --top-p, --min-p, the penalties, --seed, --stop and
/// --chat-template; the values already in `choice` are the defaults.
void add_generation_options(CLI::App& app, GenerationChoice& choice);

/// A request for this prompt; `stream` tells draws of equal prompts apart.
generate::Request make_request(const GenerationChoice& choice, std::vector<int32_t> prompt,
                               const std::vector<int32_t>& stop_ids, uint64_t stream);

}  // namespace hone::cli
