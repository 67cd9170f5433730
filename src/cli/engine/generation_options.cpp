#include "cli/engine/generation_options.h"

#include <CLI/CLI.hpp>

namespace hone::cli {

void add_generation_options(CLI::App& app, GenerationChoice& choice) {
  auto& sampling = choice.sampling;
  app.add_option("--max-new-tokens", choice.max_new_tokens, "Longest answer, in tokens")->capture_default_str();
  app.add_option("--temperature", sampling.temperature, "0 takes the likeliest token; higher is more varied")
      ->capture_default_str();
  app.add_option("--top-k", sampling.top_k, "Draw among the k likeliest tokens (0: all)")->capture_default_str();
  app.add_option("--top-p", sampling.top_p, "Draw among the likeliest tokens that together reach p (1: all)")
      ->capture_default_str();
  app.add_option("--min-p", sampling.min_p, "Draw among tokens at least this times as likely as the likeliest")
      ->capture_default_str();
  app.add_option("--repetition-penalty", sampling.repetition_penalty, "Over 1: tokens seen so far become less likely")
      ->capture_default_str();
  app.add_option("--frequency-penalty", sampling.frequency_penalty, "Subtracted for each time the answer has a token")
      ->capture_default_str();
  app.add_option("--presence-penalty", sampling.presence_penalty, "Subtracted if the answer has a token")
      ->capture_default_str();
  app.add_option("--seed", choice.seed, "Same seed, same draws")->capture_default_str();
  app.add_option("--stop", choice.stop, "Text that ends an answer; repeat for more")->type_name("TEXT");
  app.add_option("--chat-template", choice.chat_template, "Template file, or the name of a built-in one (chatml …)")
      ->type_name("FILE|NAME");
}

generate::Request make_request(const GenerationChoice& choice, std::vector<int32_t> prompt,
                               const std::vector<int32_t>& stop_ids, uint64_t stream) {
  generate::Request request;
  request.prompt = std::move(prompt);
  request.sampling = choice.sampling;
  request.stop = {stop_ids, choice.stop, choice.max_new_tokens};
  request.seed = choice.seed;
  request.stream = stream;
  return request;
}

}  // namespace hone::cli
