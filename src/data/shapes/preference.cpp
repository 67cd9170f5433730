// Preference pairs as TRL takes them: a chosen and a rejected answer to one prompt. The prompt stands in a field of
// its own, or both answers are whole conversations (texts) whose common beginning it is.
#include <algorithm>
#include <iterator>

#include "data/shapes/shape.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

constexpr const char* kWholeOrParted =
    "write {\"prompt\": …, \"chosen\": …, \"rejected\": …}, or begin both conversations with the same turns";

int fits(const Value& row) {
  return (row.member("chosen").exists() ? 1 : 0) + (row.member("rejected").exists() ? 1 : 0);
}

bool same_turn(const Message& a, const Message& b) {
  return a.role == b.role && a.content == b.content && a.extra_json == b.extra_json;
}

size_t common_turns(const std::vector<Message>& a, const std::vector<Message>& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end(), same_turn).first - a.begin());
}

/// The common beginning of two texts in whole words. TRL ends it between two characters, where a tokenizer might not;
/// the words that both answers then begin with cancel in the difference of their log-probabilities.
size_t common_words(std::string_view a, std::string_view b) {
  auto same = static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  while (same > 0 && !is_space(a[same - 1])) --same;
  while (same > 0 && is_space(a[same - 1])) --same;  // white space belongs to the word after it, as in TRL
  return same;
}

void convert_texts(const Value& row, Conversion& conversion, Findings& findings) {
  const bool parted = row.member("prompt").exists();
  const std::string prompt = parted ? require_text(row, {"prompt"}, findings) : "";
  const std::string chosen = require_text(row, {"chosen"}, findings);
  const std::string rejected = require_text(row, {"rejected"}, findings);
  if (findings.has_error()) return;
  const size_t shared = parted ? prompt.size() : chosen == rejected ? 0 : common_words(chosen, rejected);
  if (shared == 0 && !parted && !is_blank(chosen) && !is_blank(rejected) && chosen != rejected) {
    findings.add(Check::different_prompts, "rejected",
                 "begins with another word than \"chosen\", and there is no \"prompt\"",
                 "put the prompt into a field of its own");
  }
  conversion.example.text = prompt + chosen;
  conversion.example.rejected = Rejected{.shared = shared, .text = parted ? rejected : rejected.substr(shared)};
  conversion.places = {{nullptr, 0, parted ? "prompt" : "chosen"}, {nullptr, 0, "chosen"}};
  conversion.rejected_places = {{nullptr, 0, "rejected"}};
}

/// Moves the turns that both whole conversations begin with to `prompt`. A text in the field "prompt" (as in
/// UltraFeedback) repeats the last of them.
void part(Conversion& prompt, Conversion& chosen, Conversion& rejected, size_t shared, Findings& findings) {
  auto &mine = chosen.example.messages, &other = rejected.example.messages;
  const auto count = static_cast<ptrdiff_t>(shared);
  if (!prompt.example.messages.empty() && prompt.example.messages[0].content != mine[shared - 1].content) {
    findings.add(Check::different_prompts, "prompt",
                 "is not what the turns say that \"chosen\" and \"rejected\" have in common",
                 "leave \"prompt\" out where both are whole conversations, or leave the common turns out of both");
  }
  prompt.example.messages.assign(std::make_move_iterator(mine.begin()), std::make_move_iterator(mine.begin() + count));
  prompt.places.assign(chosen.places.begin(), chosen.places.begin() + count);
  mine.erase(mine.begin(), mine.begin() + count);
  other.erase(other.begin(), other.begin() + count);
  chosen.places.erase(chosen.places.begin(), chosen.places.begin() + count);
  rejected.places.erase(rejected.places.begin(), rejected.places.begin() + count);
}

void convert_chats(const Value& row, Conversion& conversion, Findings& findings) {
  Conversion prompt, chosen, rejected;
  const Value given = row.member("prompt");
  if (given.exists()) read_side(row, "prompt", "user", prompt, findings);
  read_side(row, "chosen", "assistant", chosen, findings);
  read_side(row, "rejected", "assistant", rejected, findings);
  if (findings.has_error()) return;
  const size_t shared = common_turns(chosen.example.messages, rejected.example.messages);
  const bool equal = shared == chosen.example.messages.size() && shared == rejected.example.messages.size();
  // Answers to a prompt in messages are answers alone; those to none, or to a text, may be whole conversations.
  const bool whole =
      !given.is_array() && shared > 0 && (!given.exists() || chosen.example.messages[0].role != "assistant");
  if (whole && !equal) part(prompt, chosen, rejected, shared, findings);
  if (prompt.example.messages.empty() && !equal) {
    return findings.add(
        Check::different_prompts, given.exists() ? "prompt" : "rejected",
        given.exists() ? "has no turn" : "begins with another turn than \"chosen\", and there is no \"prompt\"",
        kWholeOrParted);
  }
  // The pair says what is to be learnt: answers inside the prompt are context.
  for (Message& turn : prompt.example.messages) turn.trained = turn.trained && turn.role != "assistant";
  conversion = std::move(prompt);
  const size_t turns = conversion.example.messages.size();
  std::move(chosen.example.messages.begin(), chosen.example.messages.end(),
            std::back_inserter(conversion.example.messages));
  conversion.places.insert(conversion.places.end(), chosen.places.begin(), chosen.places.end());
  conversion.example.rejected = Rejected{.shared = turns, .messages = std::move(rejected.example.messages)};
  conversion.rejected_places = std::move(rejected.places);
  conversion.example.tools_json = read_tools(row, findings);
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const bool chats =
      row.member("prompt").is_array() || row.member("chosen").is_array() || row.member("rejected").is_array();
  if (chats)
    convert_chats(row, conversion, findings);
  else
    convert_texts(row, conversion, findings);
}

}  // namespace

Shape make_preference_shape() {
  return {fits, convert};
}

}  // namespace hone::data
