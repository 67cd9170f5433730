// From an example to what training reads: token ids and which of them carry loss. The same code
// renders for training, evaluation and generation, and proves the record while it does so.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
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

/// Trained tokens that a token of the same example precedes: the targets that carry loss.
int64_t trained_targets(const EncodedExample& example);

/// Appends what each row of the example is to predict: the id that follows where that id is trained, else
/// `ignore`. The last row predicts nothing, so no target belongs to another example.
void append_targets(const EncodedExample& example, int64_t ignore, std::vector<int64_t>& targets);

enum class OnTooLong {
  kTruncate,  ///< cut the end; an example left without a trained token is rejected
  kSkip,      ///< reject
  kError,     ///< refuse the whole run
};

struct ChatEncodingOptions {
  uint32_t max_length = 1024;    ///< tokens
  bool train_on_prompt = false;  ///< train on every token rather than on assistant turns
  OnTooLong on_too_long = OnTooLong::kTruncate;
};

/// Thrown for an example that is whole but does not fit max_length: the caller may leave it out and go on.
class RejectedExample : public Error {
 public:
  using Error::Error;
};

/// The tokens on which generation stops: eos_token_id (a number or a list) of generation_config.json and
/// config.json in `model_dir`, and the tokenizer's EOS. Ascending, each once.
std::vector<int32_t> stop_ids_for(const std::filesystem::path& model_dir, const Tokenizer& tokenizer);

/// Renders and tokenises chats with one tokenizer and one template. Thread-safe.
class ChatEncoder {
 public:
  /// `chat_template` empty: the tokenizer's own; where there is neither, only encode_text works. `tokenizer`
  /// must outlive the encoder.
  ChatEncoder(const Tokenizer& tokenizer, std::string chat_template, std::vector<int32_t> stop_ids,
              ChatEncodingOptions options);
  ~ChatEncoder();
  ChatEncoder(ChatEncoder&&) noexcept;

  /// One joint tokenisation of the whole rendering; the mask comes from byte ranges in it, never from
  /// tokenising parts. A trained span runs from the first token after the generation prompt through the
  /// first stop token after the answer. Proves: at most one BOS at the start (one is put there where the
  /// tokenizer adds one and the template does not), a stop token in every trained span and none before its
  /// end, prompt ids are a prefix of prompt + answer ids, at least one trained token. A violation throws
  /// Error naming file, line and turn. An example without messages goes to encode_text. Of a preference pair this is
  /// the chosen branch.
  EncodedExample encode(const data::Example& example) const;

  /// Every sequence of the example: itself, or the chosen and the rejected branch of a preference pair. Branches are
  /// rendered, tokenised, proved and cut each like a conversation. A pair of raw texts is BOS (if the tokenizer adds
  /// one) + prompt and answer as one text + EOS, whose text at the answer's end is not doubled; the answer and EOS are
  /// trained. Proves also that the ids before the answers are the same in both, and that the answers are not: else
  /// Error, or RejectedExample where only cutting made them so.
  std::vector<EncodedExample> encode_branches(const data::Example& example) const;

  /// The prompt for generation: messages up to and excluding a final assistant turn, with the
  /// generation prompt added.
  std::vector<int32_t> encode_prompt(const data::Example& example) const;
  std::string render_prompt(const data::Example& example) const;

  /// Raw corpus text: BOS (if the tokenizer adds one) + ids + EOS, every token trained. Special tokens written
  /// in the text are plain text.
  EncodedExample encode_text(const data::Example& example) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::text
