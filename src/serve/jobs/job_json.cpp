#include "serve/jobs/job_json.h"

#include <nlohmann/json.hpp>

#include "serve/jobs/hyperparameters.h"
#include "serve/paging.h"

namespace hone::serve {

Json job_json(const JobRecord& job, const std::string& organization) {
  const Hyperparameters values = hyperparameters_from(job.hyperparameters);
  const bool preference = job.method == "dpo";
  Json json = {
      {"id", job.id},
      {"object", "fine_tuning.job"},
      {"created_at", job.created_at},
      {"finished_at", json_or_null(job.finished_at)},
      {"model", job.base},
      {"fine_tuned_model", json_or_null(job.fine_tuned_model)},
      {"organization_id", organization},
      {"status", job.status},
      {"hyperparameters", hyperparameters_json(values, false)},
      {"method", {{"type", job.method}, {job.method, {{"hyperparameters", hyperparameters_json(values, preference)}}}}},
      {"training_file", job.training_file},
      {"validation_file", json_or_null(job.validation_file)},
      {"result_files", Json::array()},
      {"trained_tokens", json_or_null(job.trained_tokens)},
      {"error", job.error ? parse_json(*job.error, job.id) : Json(nullptr)},
      {"seed", job.seed},
      {"estimated_finish", json_or_null(job.estimated_finish)},
      {"suffix", job.suffix.empty() ? Json(nullptr) : Json(job.suffix)},
      {"metadata", parse_json(job.metadata, job.id)},
      {"integrations", parse_json(job.integrations, job.id)}};
  if (job.result_file) json["result_files"].push_back(*job.result_file);
  return json;
}

Json event_json(const EventRecord& event) {
  return {{"id", event.id},
          {"object", "fine_tuning.job.event"},
          {"created_at", event.created_at},
          {"level", event.level},
          {"message", event.message},
          {"type", event.type},
          {"data", parse_json(event.data, event.id)}};
}

Json checkpoint_json(const CheckpointRecord& checkpoint) {
  return {{"id", checkpoint.id},
          {"object", "fine_tuning.job.checkpoint"},
          {"created_at", checkpoint.created_at},
          {"fine_tuned_model_checkpoint", checkpoint.model},
          {"fine_tuning_job_id", checkpoint.job},
          {"step_number", checkpoint.step},
          {"metrics", parse_json(checkpoint.metrics, checkpoint.id)}};
}

}  // namespace hone::serve
