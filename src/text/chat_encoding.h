// From an example to what training reads: token ids and which of them carry loss. The same code
// renders for training, evaluation and generation, and proves the record while it does so.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/example.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hone::text {

/// ids[i] is trained on (as a target) where trained[i] is 1. Same length, never empty.
struct EncodedExample {
  std::vector<int32_t> ids;
  std::vector<uint8_t> trained;
  data::Origin origin;
  bool truncated = false;
};

enum class OnTooLong {
  kTruncate,  ///< cut the end; an example left without a trained token is rejected
  kSkip,      ///< reject
  kError,     ///< refuse the whole run
};

struct ChatEncodingOptions {
  uint32_t max_length = 1024;            ///< tokens
  bool train_on_prompt = false;          ///< train on every token rather than on assistant turns
  OnTooLong on_too_long = OnTooLong::kTruncate;
};

/// Renders and tokenises chats with one tokenizer and one template.
class ChatEncoder {
 public:
  /// `chat_template` empty: the tokenizer's own, which must then exist. `stop_ids` are the tokens on
  /// which generation stops (generation_config.json's eos_token_id and the tokenizer's EOS).
  ChatEncoder(const Tokenizer& tokenizer, std::string chat_template, std::vector<int32_t> stop_ids,
              ChatEncodingOptions options);
  ~ChatEncoder();

  /// One joint tokenisation of the whole rendering; the mask comes from byte ranges in it, never from
  /// tokenising parts. Proves: exactly one BOS if the tokenizer or template adds one, a stop token
  /// inside every trained span, prompt ids are a prefix of prompt + answer ids, at least one trained
  /// token. A violation throws Error naming file, line and turn.
  EncodedExample encode(const data::Example& example) const;

  /// The prompt for generation: messages up to and excluding a final assistant turn, with the
  /// generation prompt added.
  std::vector<int32_t> encode_prompt(const data::Example& example) const;
  std::string render_prompt(const data::Example& example) const;

  /// Raw corpus text: BOS (if the tokenizer adds one) + ids + EOS, every token trained.
  EncodedExample encode_text(const data::Example& example) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::text
