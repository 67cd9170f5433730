// Supervised fine-tuning: next-token loss on assistant turns alone, end-of-turn token included.
#include "tune/objectives/token_loss.h"

namespace hone::tune {
namespace {

std::vector<text::EncodedExample> encode(const text::ChatEncoder& encoder, const data::Example& example) {
  refuse_pair(example, "sft");
  return {encoder.encode(example)};
}

}  // namespace

void register_objective_sft(Registry<ObjectiveKind>& registry) {
  registry.add({"sft",
                "next-token loss on the assistant's turns of chats",
                {.encode = encode, .make = make_token_loss, .needs_chat_template = true}});
}

}  // namespace hone::tune
