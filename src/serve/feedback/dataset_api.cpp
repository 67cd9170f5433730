#include "serve/feedback/dataset_api.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/feedback/dataset.h"
#include "serve/ids.h"
#include "serve/jobs/job_json.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

struct Asked {
  DatasetChoice choice;
  std::string filename;
  std::optional<Json> job;  ///< as POST /v1/fine_tuning/jobs takes it, but for the file
};

/// The job that is asked for, in the form of /v1/fine_tuning/jobs.
Json job_body(const Fields& fields, const Json& given, const std::string& format) {
  const Fields job(given, "job");
  job.only({"model", "suffix", "seed", "hyperparameters", "validation_file", "metadata"});
  job.text("model", 1);
  if (format == "kto") {
    refuse("Invalid 'job': jobs of this server train by sft and dpo; the file alone can be made for kto.", "job",
           "unsupported_method");
  }
  const char* method = format == "dpo" ? "dpo" : "supervised";
  Json settings = Json::object();
  Json body = Json::object();
  for (const auto& [key, value] : fields.object("job")->items()) {
    if (key == "hyperparameters")
      settings["hyperparameters"] = value;
    else
      body[key] = value;
  }
  body["method"] = {{"type", method}, {method, settings}};
  return body;
}

std::string read_filename(const Fields& fields, const std::string& format) {
  std::string name = fields.optional_text("filename", 1, 200).value_or("feedback-" + format + ".jsonl");
  for (const char c : name) {
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      refuse("Invalid 'filename': a name without slashes and control characters.", "filename", "invalid_value");
  }
  return name;
}

Asked read(const Json& body, const Caller& caller, Experiments& experiments) {
  const Fields fields(body);
  fields.only({"format", "experiment", "since", "min_score", "filename", "job"});
  Asked asked;
  const auto format = fields.choice("format", {"sft", "dpo", "kto"});
  if (!format) fields.missing("format");
  asked.choice.format = *format;
  asked.choice.owner = caller.owner;
  if (const auto experiment = fields.optional_text("experiment", 1, 64))
    asked.choice.experiment = experiments.get(*experiment, caller).id;
  asked.choice.since = fields.integer("since", 0, INT64_MAX).value_or(0);
  asked.choice.min_score = fields.number("min_score", -1e12, 1e12);
  asked.filename = read_filename(fields, *format);
  if (const Json* job = fields.object("job")) asked.job = job_body(fields, *job, *format);
  return asked;
}

std::string shown(const std::map<std::string, int64_t>& skipped) {
  std::vector<std::string> parts;
  for (const auto& [reason, count] : skipped) parts.push_back(format("%s %ld", reason.c_str(), count));
  return parts.empty() ? "there is no feedback" : "skipped: " + join(parts, ", ");
}

net::Response make(const net::Request& request, Experiments& experiments, Files& files, Jobs& jobs,
                   const std::filesystem::path& spool) {
  const Caller caller = caller_of(request);
  Asked asked = read(parse_body(request.body), caller, experiments);
  if (asked.job) {
    // What is wrong with the job is said before anything is made.
    (*asked.job)["training_file"] = "feedback";
    jobs.catalog().find(read_job(*asked.job).model, caller);
  }
  const std::filesystem::path path = spool / new_id("dataset-");
  DatasetCounts counts;
  FileRecord file{.owner = caller.owner, .filename = asked.filename, .purpose = "fine-tune"};
  try {
    counts = write_dataset(jobs.records().database(), asked.choice, path);
    if (counts.rows == 0)
      refuse("No feedback can be used for " + asked.choice.format + " (" + shown(counts.skipped) + ").", "format",
             "no_usable_feedback");
    file = files.add(file, path);
    std::filesystem::remove(path);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    throw;
  }
  Json answer = {{"object", "feedback.dataset"},    {"format", asked.choice.format}, {"rows", counts.rows},
                 {"skipped", Json(counts.skipped)}, {"file", file_json(file)},       {"job", nullptr}};
  if (asked.job) {
    (*asked.job)["training_file"] = file.id;
    JobRecord job = read_job(*asked.job);
    job.request_hash = store::sha256_of(request.body);
    answer["job"] = job_json(jobs.create(std::move(job), caller, is_retry(request)), jobs.organization());
  }
  return json_response(answer);
}

}  // namespace

void add_dataset_api(net::Server& server, Experiments& experiments, Files& files, Jobs& jobs,
                     const std::filesystem::path& spool) {
  add_route(server, "POST", "/v1/feedback/datasets", Role::kTrain,
            [&, spool](net::Request& request) { return make(request, experiments, files, jobs, spool); });
}

}  // namespace hone::serve
