#include "serve/inference/logprob_json.h"

#include <nlohmann/json.hpp>

#include "data/utf8.h"

namespace hone::serve {
namespace {

/// What a token adds to a text. One that is part of a character has U+FFFD here and its bytes beside.
std::string text_of(int32_t token, const text::Tokenizer& tokenizer) {
  const std::string bytes = tokenizer.bytes_of(token);
  return bytes.empty() ? tokenizer.id_to_token(token) : bytes;
}

Json described(int32_t token, float logprob, const text::Tokenizer& tokenizer) {
  const std::string text = text_of(token, tokenizer);
  Json bytes = Json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return {{"token", text}, {"logprob", logprob}, {"bytes", std::move(bytes)}};
}

}  // namespace

Json chat_logprobs(std::span<const generate::TokenLogprob> tokens, const text::Tokenizer& tokenizer) {
  Json content = Json::array();
  for (const generate::TokenLogprob& one : tokens) {
    Json entry = described(one.token, one.logprob, tokenizer);
    entry["top_logprobs"] = Json::array();
    for (const auto& [token, logprob] : one.top) entry["top_logprobs"].push_back(described(token, logprob, tokenizer));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json completion_logprobs(std::span<const generate::TokenLogprob> tokens, const text::Tokenizer& tokenizer,
                         size_t offset) {
  Json words = Json::array(), logprobs = Json::array(), tops = Json::array(), offsets = Json::array();
  for (const generate::TokenLogprob& one : tokens) {
    const std::string text = text_of(one.token, tokenizer);
    Json top = Json::object();
    for (const auto& [token, logprob] : one.top) top[text_of(token, tokenizer)] = logprob;
    words.push_back(text);
    logprobs.push_back(one.logprob);
    tops.push_back(std::move(top));
    offsets.push_back(offset);
    offset += data::count_characters(text);
  }
  return {{"tokens", std::move(words)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace hone::serve
