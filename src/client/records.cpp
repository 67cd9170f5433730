#include "client/records.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"

namespace hone::client {
namespace {

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

std::optional<double> number(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
}

std::optional<int64_t> integer(const Json& object, const char* name) {
  constexpr double kLargest = 9007199254740992.0;  // a double counts that far
  const auto value = number(object, name);
  if (!value || !(*value >= -kLargest && *value <= kLargest)) return std::nullopt;
  return static_cast<int64_t>(*value);
}

std::string id_of(const Json& object, const char* kind, const std::string& place) {
  std::string id = text(object, "id");
  if (id.empty())
    fail_work(place, std::string("did not answer with a ") + kind, "check the base URL; as a rule it ends in /v1");
  return id;
}

/// Takes `word` and the number behind it off the front of `rest`.
template <typename Number>
std::optional<Number> number_after(std::string_view& rest, std::string_view word) {
  const size_t at = rest.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  Number value = 0;
  const char* end = rest.data() + rest.size();
  const auto [stop, fault] = std::from_chars(rest.data() + at + word.size(), end, value);
  if (fault != std::errc()) return std::nullopt;
  rest = {stop, static_cast<size_t>(end - stop)};
  return value;
}

void read_step(const Json& object, Event& event) {
  if (const Json* data = member(object, "data")) {
    event.step = integer(*data, "step");
    event.total_steps = integer(*data, "total_steps");
    event.train_loss = number(*data, "train_loss");
  }
  std::string_view rest = event.message;
  if (!starts_with(rest, "Step ")) return;
  const auto step = number_after<int64_t>(rest, "Step ");
  const auto total = number_after<int64_t>(rest, "/");
  const auto loss = number_after<double>(rest, "training loss=");
  if (!event.step) event.step = step;
  if (!event.total_steps) event.total_steps = total;
  if (!event.train_loss) event.train_loss = loss;
}

}  // namespace

Job job_from(const Json& object, const std::string& place) {
  Job job;
  job.id = id_of(object, "fine-tuning job", place);
  job.model = text(object, "model");
  job.status = text(object, "status");
  job.training_file = text(object, "training_file");
  job.fine_tuned_model = text(object, "fine_tuned_model");
  if (const Json* files = member(object, "result_files"); files != nullptr && files->is_array()) {
    for (const Json& file : *files) {
      if (file.is_string()) job.result_files.push_back(file);
    }
  }
  job.created_at = integer(object, "created_at").value_or(0);
  job.finished_at = integer(object, "finished_at");
  job.trained_tokens = integer(object, "trained_tokens");
  if (const Json* error = member(object, "error")) {
    job.error_code = text(*error, "code");
    job.error_message = text(*error, "message");
  }
  job.json = to_line(object);
  return job;
}

Event event_from(const Json& object, const std::string& place) {
  Event event;
  event.id = id_of(object, "list of events", place);
  event.level = text(object, "level");
  event.message = text(object, "message");
  event.type = text(object, "type");
  event.created_at = integer(object, "created_at").value_or(0);
  read_step(object, event);
  event.json = to_line(object);
  return event;
}

File file_from(const Json& object, const std::string& place) {
  File file;
  file.id = id_of(object, "file", place);
  file.filename = text(object, "filename");
  file.purpose = text(object, "purpose");
  file.bytes = integer(object, "bytes").value_or(0);
  file.json = to_line(object);
  return file;
}

}  // namespace hone::client
