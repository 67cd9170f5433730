#include "serve/ab/traffic.h"

#include <nlohmann/json.hpp>

#include "serve/ids.h"

namespace hone::serve {
namespace {

constexpr int64_t kLongestUser = 512;

/// `safety_identifier` is OpenAI's newer word.
std::string user_of(const Fields& fields) {
  const std::string user = fields.optional_text("user", 0, kLongestUser).value_or("");
  return user.empty() ? fields.optional_text("safety_identifier", 0, kLongestUser).value_or("") : user;
}

/// What the answer was asked with, as far as training needs it.
Json prompt_of(const Json& body) {
  Json prompt = Json::object();
  for (const char* key : {"messages", "tools", "functions", "prompt", "n"}) {
    if (const auto found = body.find(key); found != body.end() && !found->is_null()) prompt[key] = *found;
  }
  return prompt;
}

}  // namespace

Routed Traffic::route(const Json& body, const Caller& caller) {
  const Fields fields(body);
  const std::string name = fields.text("model", 1);
  const std::string user = user_of(fields);
  std::optional<bool> keeps = fields.boolean("store");
  Routed routed;
  Answered record{.owner = caller.owner, .created_at = unix_now()};
  if (const std::optional<ExperimentRecord> experiment = experiments_.named(name, caller)) {
    const ExperimentVariant& variant = experiment->answering(user);
    routed.model = experiments_.model_of(*experiment, variant);
    routed.endpoint = variant.endpoint;
    routed.headers = {{"x-hone-experiment", experiment->name}, {"x-hone-variant", variant.name}};
    record.owner = experiment->owner;
    record.experiment = experiment->id;
    record.variant = variant.name;
    record.period = static_cast<int64_t>(experiment->periods.size()) - 1;
    if (!user.empty()) record.user_hash = user_hash(experiment->id, user);
    record.counted = experiment->running() && !user.empty();
    if (!keeps) keeps = experiment->keeps_text;
  } else {
    routed.model = catalog_.find(name, caller);
  }
  record.model = routed.model.name;
  if (keeps.value_or(false)) record.prompt = to_line(prompt_of(body));
  if (!record.experiment.empty() || record.prompt) routed.record = std::move(record);
  return routed;
}

bool Traffic::forward(const Routed& routed, const Json& body, const char* path, const std::string& id,
                      const net::Responder& responder) {
  if (routed.endpoint.empty()) return false;
  const Fields fields(body);
  RemoteRequest request{.endpoint = routed.endpoint, .path = path, .id = id, .model = routed.model.name};
  request.headers = routed.headers;
  request.stream = fields.boolean("stream").value_or(false);
  Json sent = body;
  sent["model"] = routed.model.name;
  // Who asks is nobody else's business, and what is kept is kept here.
  for (const char* key : {"user", "safety_identifier", "store", "metadata"}) sent.erase(key);
  if (request.stream) {
    const Json* options = fields.object("stream_options");
    request.include_usage =
        options != nullptr && Fields(*options, "stream_options").boolean("include_usage").value_or(false);
    sent["stream_options"]["include_usage"] = true;
  }
  request.body = to_line(sent);
  const auto choices = fields.integer("n", 1, 128).value_or(1);
  const Json* prompt = fields.find("prompt");
  const bool several = prompt != nullptr && prompt->is_array() && !prompt->empty() && !prompt->front().is_number();
  request.trace = trace(routed, id, static_cast<size_t>(choices) * (several ? prompt->size() : 1));
  remote_.send(std::move(request), responder);
  return true;
}

std::shared_ptr<Trace> Traffic::trace(const Routed& routed, const std::string& id, size_t choices) {
  if (!routed.record) return nullptr;
  Answered record = *routed.record;
  record.id = id;
  record.choices = static_cast<int64_t>(choices);
  return std::make_shared<Trace>(recorder_, std::move(record));
}

}  // namespace hone::serve
