// How many tokens an example has: for figures, not for training.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/chat_encoding.h"

namespace hone::text {

/// As training sees it, both branches of a pair. Throws Error(kInput) where the template refuses it.
uint64_t count_tokens(const data::Example& example, const ChatEncoder& encoder);
/// Of the contents alone, where there is no template.
uint64_t count_tokens(const data::Example& example, const Tokenizer& tokenizer);

/// Every text of both branches, the prompt once. Views into `example`.
std::vector<std::string_view> texts_of(const data::Example& example);

}  // namespace hone::text
