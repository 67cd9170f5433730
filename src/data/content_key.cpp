#include "data/content_key.h"

#include "base/hash.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

void append(std::string& all, std::string_view part) {
  // Lengths in front keep ("ab", "c") and ("a", "bc") apart.
  all += std::to_string(part.size());
  all += ':';
  all += part;
}

size_t last_assistant(const Example& example) {
  for (size_t i = example.messages.size(); i > 0; --i) {
    if (example.messages[i - 1].role == "assistant") return i - 1;
  }
  return example.messages.size();
}

}  // namespace

ContentKey content_key(const Example& example) {
  std::string all;
  const auto append_turns = [&](const std::vector<Message>& turns) {
    for (const Message& message : turns) {
      append(all, message.role);
      append(all, message.content);
      append(all, message.extra_json);
      all += message.trained ? '1' : '0';
    }
  };
  append(all, example.text);
  append(all, example.tools_json);
  append_turns(example.messages);
  if (example.rejected) {
    append(all, std::to_string(example.rejected->shared));
    append(all, example.rejected->text);
    append_turns(example.rejected->messages);
  }
  return {hash64(all, 0), hash64(all, 0x9E3779B97F4A7C15)};
}

uint64_t prompt_key(const Example& example) {
  if (example.messages.empty())
    return hash64(normalised(example.rejected ? example.text.substr(0, example.rejected->shared) : example.text));
  std::string all;
  const size_t end = example.rejected ? example.rejected->shared : last_assistant(example);
  for (size_t i = 0; i < end; ++i) {
    if (example.messages[i].role == "system") continue;
    append(all, example.messages[i].role);
    append(all, normalised(example.messages[i].content));
  }
  // Without a prompt (the assistant speaks alone) the answer is all there is to tell rows apart.
  return all.empty() ? answer_key(example) : hash64(all);
}

uint64_t answer_key(const Example& example) {
  if (example.messages.empty())
    return hash64(normalised(example.rejected ? example.text.substr(example.rejected->shared) : example.text));
  const size_t at = last_assistant(example);
  return at == example.messages.size()
             ? 0
             : hash64(normalised(example.messages[at].content + example.messages[at].extra_json), 1);
}

uint64_t DuplicateIndex::first_line(const Example& example) {
  const auto [found, is_new] = lines_.try_emplace(content_key(example), example.origin.line);
  return is_new ? 0 : found->second;
}

}  // namespace hone::data
