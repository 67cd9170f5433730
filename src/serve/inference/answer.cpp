#include "serve/inference/answer.h"

#include <nlohmann/json.hpp>

#include "net/sse.h"
#include "serve/api_error.h"
#include "serve/paging.h"

namespace hone::serve {

AnswerWriter::AnswerWriter(AnswerHead head, std::unique_ptr<AnswerForm> form, net::Responder responder)
    : head_(std::move(head)), form_(std::move(form)), responder_(std::move(responder)), states_(head_.answers) {
  if (!head_.logprobs) return;
  for (AnswerState& state : states_) state.logprobs.emplace();
}

void AnswerWriter::start(ModelHost& host, std::vector<generate::Request> requests,
                         const std::filesystem::path& adapter) {
  uint64_t ticket = 0;
  try {
    ticket = host.submit(std::move(requests), adapter, shared_from_this());
  } catch (const ApiError&) {
    if (head_.trace) head_.trace->forget();  // refused, as too much at once is
    throw;
  } catch (...) {
    if (head_.trace) head_.trace->failed(500);
    throw;
  }
  // The engine may be at work already, and over before this is set: cancelling what is over does nothing.
  responder_.on_gone([&host, ticket] { host.cancel(ticket); });
}

Json AnswerWriter::document(bool streamed, Json choices) const {
  Json json = {{"id", head_.id},       {"object", form_->object(streamed)}, {"created", head_.created},
               {"model", head_.model}, {"system_fingerprint", "fp_hone"},   {"choices", std::move(choices)}};
  if (streamed && head_.include_usage) json["usage"] = nullptr;
  return json;
}

Json AnswerWriter::usage() const {
  size_t generated = 0;
  for (const AnswerState& state : states_) generated += state.tokens;
  return {{"prompt_tokens", head_.prompt_tokens},
          {"completion_tokens", generated},
          {"total_tokens", head_.prompt_tokens + generated}};
}

void AnswerWriter::send(const Json& chunk) {
  if (chunk["choices"].empty() && !chunk.contains("usage")) return;
  stream_->write(net::sse_event(to_line(chunk)));
}

void AnswerWriter::open() {
  if (stream_) return;
  net::Fields headers = head_.headers;
  headers.emplace_back("cache-control", "no-cache");
  stream_ = responder_.stream(200, std::move(headers));
  for (size_t i = 0; i < states_.size(); ++i) send(document(true, form_->opening(i)));
}

void AnswerWriter::token(size_t index, const generate::Event& event) {
  AnswerState& state = states_[index];
  ++state.tokens;
  if (head_.trace) head_.trace->first_token();
  const bool over = event.finish != generate::FinishReason::kNone;
  // The token that ends an answer is no part of it.
  const bool ends = event.finish == generate::FinishReason::kStop && event.text.empty();
  const generate::TokenLogprob* logprob = event.logprob && !ends ? &*event.logprob : nullptr;
  if (logprob != nullptr && state.logprobs) state.logprobs->push_back(*logprob);
  if (over) {
    state.text = event.answer;
    state.finish = generate::finish_reason_name(event.finish);
    ++over_;
  }
  if (head_.stream) {
    open();
    const bool says_something = !event.text.empty() || logprob != nullptr;
    if (says_something && !form_->whole_only()) send(document(true, form_->piece(index, event.text, logprob)));
    if (over) send(document(true, form_->closing(index, state)));
  }
  if (over_ == states_.size()) finish();
}

/// Before the client has the last of it, so that feedback never comes first.
void AnswerWriter::tell() {
  if (!head_.trace) return;
  int64_t tokens = 0;
  Json answers = Json::array();
  const bool kept = head_.trace->keeps_text();
  for (size_t i = 0; i < states_.size(); ++i) {
    tokens += static_cast<int64_t>(states_[i].tokens);
    if (!kept) continue;
    Json choice = form_->choice(i, states_[i]);
    answers.push_back(choice.contains("message") ? std::move(choice["message"]) : Json(states_[i].text));
  }
  head_.trace->finished(tokens, answers);
}

void AnswerWriter::finish() {
  tell();
  if (head_.stream) {
    if (head_.include_usage) {
      Json last = document(true, Json::array());
      last["usage"] = usage();
      send(last);
    }
    stream_->write(net::sse_event("[DONE]"));
    stream_->close();
    return;
  }
  Json choices = Json::array();
  for (size_t i = 0; i < states_.size(); ++i) choices.push_back(form_->choice(i, states_[i]));
  Json whole = document(false, std::move(choices));
  whole["usage"] = usage();
  net::Response response = json_response(whole);
  response.headers = head_.headers;
  responder_.send(std::move(response));
}

void AnswerWriter::failed(const std::exception_ptr& why) {
  net::Response response = response_to(why);
  if (head_.trace) head_.trace->failed(response.status);
  response.headers.insert(response.headers.end(), head_.headers.begin(), head_.headers.end());
  if (!stream_) return responder_.send(response);
  // The status has been sent: clients take an object with `error` for what it is.
  stream_->write(net::sse_event(response.body));
  stream_->close();
}

}  // namespace hone::serve
