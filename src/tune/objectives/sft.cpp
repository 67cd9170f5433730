// Supervised fine-tuning: next-token loss on assistant turns alone, end-of-turn token included.
#include "tune/objectives/registry.h"

namespace hone::tune {

void register_objective_sft(Registry<Objective>& registry) {
  registry.add({"sft",
                "next-token loss on the assistant's turns of chats",
                {[](const text::ChatEncoder& encoder, const data::Example& example) { return encoder.encode(example); },
                 /*needs_chat_template=*/true}});
}

}  // namespace hone::tune
