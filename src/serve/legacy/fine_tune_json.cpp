#include "serve/legacy/fine_tune_json.h"

#include <nlohmann/json.hpp>

#include "serve/files/files.h"
#include "serve/paging.h"

namespace hone::serve {
namespace {

Json files_json(const std::optional<std::string>& id, Records& records) {
  if (!id) return Json::array();
  const auto file = records.file(*id);
  if (file) return Json::array({file_json(*file)});
  return Json::array({Json{{"id", *id}, {"object", "file"}, {"status", "deleted"}}});
}

}  // namespace

const char* fine_tune_status(const JobRecord& job) {
  for (const char* same : {status::kRunning, status::kSucceeded, status::kFailed, status::kCancelled}) {
    if (job.status == same) return same;
  }
  return "pending";
}

Json fine_tune_event_json(const EventRecord& event) {
  return {{"object", "fine-tune-event"},
          {"created_at", event.created_at},
          {"level", event.level},
          {"message", event.message}};
}

Json fine_tune_events_json(const std::string& job, Records& records) {
  Json events = Json::array();
  for (const EventRecord& event : records.events_after(job, 0)) events.push_back(fine_tune_event_json(event));
  return events;
}

Json fine_tune_json(const JobRecord& job, Records& records, const std::string& organization, bool with_events) {
  const Json asked = parse_json(job.hyperparameters, job.id);
  const auto number = [&](const char* name) { return asked.at(name).is_number() ? asked.at(name) : Json(nullptr); };
  const Page<EventRecord> last = records.events(job.id, {.limit = 1});
  Json json = {{"id", job.id},
               {"object", "fine-tune"},
               {"created_at", job.created_at},
               {"updated_at", last.items.empty() ? job.created_at : last.items.front().created_at},
               {"model", job.base},
               {"fine_tuned_model", json_or_null(job.fine_tuned_model)},
               {"organization_id", organization},
               {"status", fine_tune_status(job)},
               {"hyperparams",
                {{"n_epochs", number("n_epochs")},
                 {"batch_size", number("batch_size")},
                 {"learning_rate_multiplier", number("learning_rate_multiplier")},
                 {"prompt_loss_weight", 0.0}}},
               {"training_files", files_json(job.training_file, records)},
               {"validation_files", files_json(job.validation_file, records)},
               {"result_files", files_json(job.result_file, records)}};
  if (with_events) json["events"] = fine_tune_events_json(job.id, records);
  return json;
}

}  // namespace hone::serve
