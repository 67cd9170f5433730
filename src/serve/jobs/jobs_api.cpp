#include "serve/jobs/jobs_api.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/fields.h"
#include "serve/ids.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/jobs/job_json.h"
#include "serve/metadata.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

constexpr int64_t kLargestSeed = 2147483647;

Json read_integrations(const Fields& fields) {
  const Json* given = fields.array("integrations");
  if (given == nullptr || given->empty()) return Json::array();
  // A connection to a service elsewhere is made by nothing that a client says.
  refuse("Integrations are not enabled on this server. Metrics are in the job's events and result file.",
         "integrations", "integration_not_enabled");
}

void read_method(const Fields& fields, JobRecord& job) {
  const Json* method = fields.object("method");
  Hyperparameters values;
  if (method != nullptr) {
    const Fields inside(*method, "method");
    inside.only({"type", "supervised", "dpo", "reinforcement"});
    const auto type = inside.choice("type", {"supervised", "dpo", "reinforcement"});
    if (!type) inside.missing("type");
    if (*type == "reinforcement") {
      refuse("The method reinforcement is not supported by this server.", "method.type", "unsupported_method");
    }
    job.method = *type;
    if (const Json* chosen = inside.object(job.method)) {
      const Fields settings(*chosen, "method." + job.method);
      settings.only({"hyperparameters"});
      if (const Json* given = settings.object("hyperparameters")) {
        values = read_hyperparameters(Fields(*given, settings.path("hyperparameters")), job.method == "dpo");
      }
    }
  } else if (const Json* given = fields.object("hyperparameters")) {
    values = read_hyperparameters(Fields(*given, "hyperparameters"), false);
  }
  job.hyperparameters = to_line(hyperparameters_json(values, true));
}

net::Response create(const net::Request& request, Jobs& jobs) {
  JobRecord job = read_job(parse_body(request.body));
  job.request_hash = store::sha256_of(request.body);
  return json_response(
      job_json(jobs.create(std::move(job), caller_of(request), is_retry(request)), jobs.organization()));
}

/// metadata[k]=v, any number of them, or metadata=null.
bool matches(const JobRecord& job, const net::Request& request) {
  const Json metadata = parse_json(job.metadata, job.id);
  for (const auto& [name, value] : request.query) {
    if (name == "metadata" && value == "null" && !metadata.empty()) return false;
    if (!starts_with(name, "metadata[") || name.back() != ']') continue;
    const std::string key = name.substr(9, name.size() - 10);
    if (key.find_first_of("[]") != std::string::npos) {
      refuse("Invalid 'metadata': expected metadata[key]=value.", "metadata", "invalid_value");
    }
    if (!metadata.contains(key) || metadata[key] != value) return false;
  }
  return true;
}

net::Response list(const net::Request& request, Jobs& jobs) {
  const Caller caller = caller_of(request);
  const Page<JobRecord> page = jobs.records().jobs(page_request(request, 20, 100), [&](const JobRecord& job) {
    return !job.legacy && caller.sees(job.owner) && matches(job, request);
  });
  return page_response(page, [&](const JobRecord& job) { return job_json(job, jobs.organization()); });
}

const std::string& id_of(const net::Request& request) {
  return request.path_values.at("fine_tuning_job_id");
}

net::Response events(const net::Request& request, Jobs& jobs) {
  const JobRecord job = jobs.get(id_of(request), caller_of(request));
  return page_response(jobs.records().events(job.id, page_request(request, 20, 1000)), event_json);
}

net::Response checkpoints(const net::Request& request, Jobs& jobs) {
  const JobRecord job = jobs.get(id_of(request), caller_of(request));
  return page_response(jobs.records().checkpoints(job.id, page_request(request, 10, 1000)), checkpoint_json);
}

}  // namespace

JobRecord read_job(const Json& body) {
  const Fields fields(body);
  fields.only({"model", "training_file", "validation_file", "hyperparameters", "suffix", "integrations", "seed",
               "method", "metadata"});
  JobRecord job;
  job.model = fields.text("model", 1);
  job.training_file = fields.text("training_file", 1);
  job.validation_file = fields.optional_text("validation_file", 1);
  job.suffix = clean_suffix(fields.optional_text("suffix", 1, 64).value_or(""));
  job.seed = fields.integer("seed", 0, kLargestSeed).value_or(random_seed());
  job.metadata = to_line(read_metadata(fields));
  job.integrations = to_line(read_integrations(fields));
  read_method(fields, job);
  return job;
}

std::string clean_suffix(const std::string& asked) {
  std::string suffix;
  for (const char c : asked) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    suffix += plain ? c : '-';
  }
  return suffix;
}

int64_t random_seed() {
  return static_cast<int64_t>(std::hash<std::string>{}(random_letters(16)) % kLargestSeed);
}

void add_jobs_api(net::Server& server, Jobs& jobs) {
  const std::string all = "/v1/fine_tuning/jobs", one = all + "/{fine_tuning_job_id}";
  add_route(server, "POST", all, Role::kTrain, [&](net::Request& request) { return create(request, jobs); });
  add_route(server, "GET", all, Role::kTrain, [&](net::Request& request) { return list(request, jobs); });
  using Action = JobRecord (Jobs::*)(const std::string&, const Caller&);
  const auto add = [&](const char* method, const std::string& path, Action action) {
    add_route(server, method, path, Role::kTrain, [&jobs, action](net::Request& request) {
      return json_response(job_json((jobs.*action)(id_of(request), caller_of(request)), jobs.organization()));
    });
  };
  add("GET", one, &Jobs::get);
  add("POST", one + "/cancel", &Jobs::cancel);
  add("POST", one + "/pause", &Jobs::pause);
  add("POST", one + "/resume", &Jobs::resume);
  add_route(server, "GET", one + "/events", Role::kTrain, [&](net::Request& request) { return events(request, jobs); });
  add_route(server, "GET", one + "/checkpoints", Role::kTrain,
            [&](net::Request& request) { return checkpoints(request, jobs); });
}

}  // namespace hone::serve
