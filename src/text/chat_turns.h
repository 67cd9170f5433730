// Where the assistant's turns lie in a rendered conversation: the bytes that the model has before it when it
// begins to answer, and the bytes that are its answer.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "data/example.h"
#include "text/chat_template.h"

namespace hone::text {

/// One assistant turn to be trained, in bytes of the rendering.
struct TurnSpan {
  size_t turn = 0;    ///< index in messages
  size_t prompt = 0;  ///< the answer begins here; the rendering up to here is the turn's prompt
  size_t limit = 0;   ///< the answer ends here or (with the template's end-of-turn text) before
};

struct RenderedChat {
  std::string text;
  std::vector<TurnSpan> spans;  ///< ascending; turns of weight 0 are left out
};

/// Renders conversations with one template. bos_token and eos_token are what templates call by these names.
class ChatRenderer {
 public:
  ChatRenderer(const ChatTemplate& chat_template, std::string bos_token, std::string eos_token)
      : template_(chat_template), bos_token_(std::move(bos_token)), eos_token_(std::move(eos_token)) {}

  /// The first `count` messages.
  std::string render(const data::Example& example, size_t count, bool add_generation_prompt) const;
  /// The whole conversation and its trained turns: by the template's generation tags where it has them; else
  /// by rendering the conversation up to each turn and through it, which must be prefixes of the whole.
  RenderedChat render_with_turns(const data::Example& example) const;

 private:
  Json variables(const data::Example& example, size_t count, bool add_generation_prompt) const;
  std::string render_json(const data::Example& example, const Json& variables,
                          std::vector<std::pair<size_t, size_t>>* ranges = nullptr) const;
  std::vector<TurnSpan> spans_of_tags(const data::Example& example,
                                      const std::vector<std::pair<size_t, size_t>>& ranges) const;
  TurnSpan span_of_turn(const data::Example& example, size_t turn, const std::string& whole) const;
  size_t limit_by_marker(const data::Example& example, size_t turn, const std::string& whole) const;

  const ChatTemplate& template_;
  std::string bos_token_, eos_token_;
};

/// Throws Error at file:line, turn (from 1).
[[noreturn]] void fail_turn(const data::Example& example, size_t turn, const std::string& message,
                            const std::string& remedy);
/// "train.jsonl:12"
std::string place_of(const data::Example& example);

}  // namespace hone::text
