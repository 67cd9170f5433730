// Language modelling on raw text: next-token loss on every token, for pre-training and for a domain's corpus.
#include "tune/objectives/token_loss.h"

namespace hone::tune {
namespace {

std::vector<text::EncodedExample> encode(const text::ChatEncoder& encoder, const data::Example& example) {
  refuse_pair(example, "causal_lm");
  if (!example.messages.empty()) {
    fail_input(format("%s:%lu", example.origin.file.c_str(), example.origin.line),
               "is a chat, and objective causal_lm reads raw text",
               "use objective: sft, or rows of the form {\"text\": …}");
  }
  return {encoder.encode_text(example)};
}

}  // namespace

void register_objective_causal_lm(Registry<ObjectiveKind>& registry) {
  registry.add(
      {"causal_lm", "next-token loss on every token of raw text", {.encode = encode, .make = make_token_loss}});
}

}  // namespace hone::tune
