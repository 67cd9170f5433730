#include "serve/ab/remote_answer.h"

#include <nlohmann/json.hpp>

#include "net/sse.h"
#include "serve/api_error.h"
#include "serve/paging.h"

namespace hone::serve {
namespace {

constexpr int64_t kMostChoices = 128;

/// completion_tokens, where the answer says so.
std::optional<int64_t> tokens_of(const Json& answer) {
  const auto usage = answer.find("usage");
  if (usage == answer.end() || !usage->is_object()) return std::nullopt;
  const auto tokens = usage->find("completion_tokens");
  return tokens != usage->end() && tokens->is_number_integer() ? std::optional(tokens->get<int64_t>()) : std::nullopt;
}

const std::string* text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

bool has_choices(const Json& answer) {
  if (!answer.is_object() || !answer.contains("choices") || !answer["choices"].is_array()) return false;
  for (const Json& choice : answer["choices"]) {
    if (!choice.is_object()) return false;
  }
  return true;
}

}  // namespace

RemoteAnswer::RemoteAnswer(const RemoteRequest& request, net::Responder& responder)
    : request_(request), responder_(responder) {}

void RemoteAnswer::collect(const Json& choice) {
  const auto index = choice.value("index", Json(0));
  const auto delta = choice.find("delta");
  const bool chat = delta != choice.end() && delta->is_object();
  chat_ = chat_ || chat;
  const std::string* text = chat ? text_in(*delta, "content") : text_in(choice, "text");
  const bool sane = index.is_number_integer() && index.get<int64_t>() >= 0 && index.get<int64_t>() < kMostChoices;
  if (text == nullptr || text->empty() || !sane) return;
  if (!request_.trace) return;
  request_.trace->first_token();
  texts_[index.get<int64_t>()] += *text;
}

bool RemoteAnswer::event(const std::string& data) {
  if (data == "[DONE]") {
    Json answers = Json::array();
    for (const auto& [index, text] : texts_)
      answers.push_back(chat_ ? Json{{"role", "assistant"}, {"content", text}} : Json(text));
    finish(answers);
    if (!stream_) stream_ = responder_.stream(200, request_.headers);
    stream_->write(net::sse_event("[DONE]"));
    stream_->close();
    return false;
  }
  Json chunk = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!has_choices(chunk)) {
    fail(502, "The endpoint " + request_.endpoint + " broke its answer off.");
    return false;
  }
  if (const auto tokens = tokens_of(chunk)) tokens_ = tokens;
  for (const Json& choice : chunk["choices"]) collect(choice);
  if (!request_.include_usage) {
    if (chunk["choices"].empty()) return true;  // the usage that this server asked for itself
    chunk.erase("usage");
  }
  chunk["id"] = request_.id;
  chunk["model"] = request_.model;
  if (!stream_) {
    net::Fields headers = request_.headers;
    headers.emplace_back("cache-control", "no-cache");
    stream_ = responder_.stream(200, std::move(headers));
  }
  return stream_->write(net::sse_event(to_line(chunk)));
}

bool RemoteAnswer::take(std::string_view data) {
  for (const net::SseReader::Event& one : reader_.feed(data)) {
    if (over_ || !event(one.data)) return false;
  }
  return true;
}

void RemoteAnswer::finish(const Json& answers) {
  over_ = true;
  if (request_.trace) request_.trace->finished(tokens_, answers);
}

void RemoteAnswer::whole(const std::string& body) {
  Json answer = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!has_choices(answer)) return fail(502, "The endpoint " + request_.endpoint + " gave an answer of another kind.");
  tokens_ = tokens_of(answer);
  Json answers = Json::array();
  for (const Json& choice : answer["choices"]) {
    const auto message = choice.find("message");
    const std::string* text = text_in(choice, "text");
    answers.push_back(message != choice.end() ? *message : Json(text != nullptr ? *text : ""));
  }
  finish(answers);
  answer["id"] = request_.id;
  answer["model"] = request_.model;
  net::Response response = json_response(answer);
  response.headers = request_.headers;
  responder_.send(std::move(response));
}

void RemoteAnswer::end(int status, const std::string& body) {
  if (over_) return;
  if (status == 200 && !request_.stream) return whole(body);
  const std::string name = "The endpoint " + request_.endpoint;
  if (status < 300) return fail(502, name + " broke its answer off.");
  // What the client can mend is told as it is; that this server's key is refused is not the client's affair.
  const Json refusal = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto error = refusal.is_object() ? refusal.find("error") : refusal.end();
  const bool theirs = status == 400 || status == 404 || status == 413 || status == 422 || status == 429;
  if (!theirs || error == refusal.end() || !error->is_object()) return fail(502, name + " failed.");
  const std::string* message = text_in(*error, "message");
  fail(status, message != nullptr ? *message : name + " refused the request.");
}

void RemoteAnswer::fail(int status, const std::string& message) {
  if (over_) return;
  over_ = true;
  if (request_.trace) request_.trace->failed(status);
  net::Response response = ApiError(status, message, "", "endpoint_failed").response();
  if (stream_) {
    // The status has been sent: clients take an object with `error` for what it is.
    stream_->write(net::sse_event(response.body));
    return stream_->close();
  }
  response.headers.insert(response.headers.end(), request_.headers.begin(), request_.headers.end());
  responder_.send(std::move(response));
}

}  // namespace hone::serve
