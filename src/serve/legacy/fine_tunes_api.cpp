#include "serve/legacy/fine_tunes_api.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/fields.h"
#include "serve/inference/remove_model.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/legacy/fine_tune_json.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

constexpr int64_t kDefaultEpochs = 4, kLongestSuffix = 40;

JobRecord find(const net::Request& request, Jobs& jobs) {
  const std::string& id = request.path_values.at("fine_tune_id");
  std::optional<JobRecord> job = jobs.records().job(id);
  if (!job || !job->legacy || !caller_of(request).sees(job->owner)) {
    refuse_unknown("Fine-tune " + excerpt(id, 80) + " not found", "fine_tune_id", "fine_tune_not_found");
  }
  return *std::move(job);
}

Json shown(const JobRecord& job, Jobs& jobs) {
  return fine_tune_json(job, jobs.records(), jobs.organization(), /*with_events=*/true);
}

/// What the old API had and this trainer has not: refused by name unless it asks for nothing.
void refuse_unsupported(const Fields& fields) {
  if (const auto weight = fields.number("prompt_loss_weight", 0, std::numeric_limits<double>::max()); weight > 0) {
    refuse("Unsupported value: 'prompt_loss_weight' must be 0: only completions are trained here, prompts never.",
           "prompt_loss_weight", "unsupported_value");
  }
  if (fields.boolean("compute_classification_metrics").value_or(false)) {
    refuse(
        "Unsupported value: 'compute_classification_metrics' is not computed by this server; the result file has "
        "loss and token accuracy.",
        "compute_classification_metrics", "unsupported_value");
  }
  for (const char* name : {"classification_n_classes", "classification_positive_class", "classification_betas"}) {
    if (fields.has(name)) {
      refuse(std::string("Unsupported parameter: '") + name +
                 "' belongs to classification metrics, which this server " + "does not compute.",
             name, "unsupported_parameter");
    }
  }
}

net::Response create(const net::Request& request, Jobs& jobs) {
  const Json body = parse_body(request.body);
  const Fields fields(body);
  fields.only({"training_file", "validation_file", "model", "n_epochs", "batch_size", "learning_rate_multiplier",
               "prompt_loss_weight", "suffix", "compute_classification_metrics", "classification_n_classes",
               "classification_positive_class", "classification_betas"});
  refuse_unsupported(fields);
  JobRecord job;
  job.legacy = true;
  job.model = fields.optional_text("model", 1).value_or(jobs.catalog().base());
  job.training_file = fields.text("training_file", 1);
  job.validation_file = fields.optional_text("validation_file", 1);
  job.suffix = clean_suffix(fields.optional_text("suffix", 1, kLongestSuffix).value_or(""));
  job.seed = random_seed();
  Json hyperparameters = {{"n_epochs", kDefaultEpochs}};
  for (const char* name : {"n_epochs", "batch_size", "learning_rate_multiplier"}) {
    if (const Json* given = fields.find(name)) hyperparameters[name] = *given;
  }
  job.hyperparameters = to_line(hyperparameters_json(read_hyperparameters(Fields(hyperparameters), false), true));
  job.metadata = "{}";
  job.integrations = "[]";
  job.request_hash = store::sha256_of(request.body);
  return json_response(shown(jobs.create(std::move(job), caller_of(request), /*retried=*/false), jobs));
}

/// All of them, the oldest first: the old API had no pages.
net::Response list(const net::Request& request, Jobs& jobs) {
  const Caller caller = caller_of(request);
  Page<JobRecord> page = jobs.records().jobs({.limit = std::numeric_limits<int64_t>::max()}, [&](const JobRecord& job) {
    return job.legacy && caller.sees(job.owner);
  });
  std::reverse(page.items.begin(), page.items.end());
  Json data = Json::array();
  for (const JobRecord& job : page.items) {
    data.push_back(fine_tune_json(job, jobs.records(), jobs.organization(), /*with_events=*/false));
  }
  return json_response({{"object", "list"}, {"data", std::move(data)}});
}

net::Response cancel(const net::Request& request, Jobs& jobs) {
  const JobRecord job = find(request, jobs);
  if (status::is_final(job.status) && job.status != status::kCancelled) {
    refuse("Fine-tune " + job.id + " cannot be cancelled: its status is " + job.status + ".", "fine_tune_id",
           "invalid_fine_tune_status");
  }
  return json_response(shown(jobs.cancel(job.id, caller_of(request)), jobs));
}

/// Of a job that has not ended, cancels it; else takes its model away. `deleted` says whether there was one.
net::Response remove(const net::Request& request, Jobs& jobs, ModelHost& host) {
  JobRecord job = find(request, jobs);
  bool deleted = false;
  if (!status::is_final(job.status)) {
    job = jobs.cancel(job.id, caller_of(request));
  } else if (job.fine_tuned_model) {
    deleted = remove_model(jobs.records(), host, *job.fine_tuned_model);
  }
  return json_response(
      {{"id", job.id}, {"object", "fine-tune"}, {"deleted", deleted}, {"status", fine_tune_status(job)}});
}

void events(const net::Request& request, net::Responder& responder, Jobs& jobs, EventStreams& streams) {
  const JobRecord job = find(request, jobs);
  const std::string* stream = request.query_value("stream");
  if (stream != nullptr && (*stream == "true" || *stream == "True")) return streams.follow(job.id, responder);
  responder.send(json_response({{"object", "list"}, {"data", fine_tune_events_json(job.id, jobs.records())}}));
}

}  // namespace

void add_fine_tunes_api(net::Server& server, Jobs& jobs, EventStreams& streams, ModelHost& host) {
  const std::string all = "/v1/fine-tunes", one = all + "/{fine_tune_id}";
  add_route(server, "POST", all, Role::kTrain, [&](net::Request& request) { return create(request, jobs); });
  add_route(server, "GET", all, Role::kTrain, [&](net::Request& request) { return list(request, jobs); });
  add_route(server, "GET", one, Role::kTrain,
            [&](net::Request& request) { return json_response(shown(find(request, jobs), jobs)); });
  add_route(server, "POST", one + "/cancel", Role::kTrain,
            [&](net::Request& request) { return cancel(request, jobs); });
  add_route(server, "DELETE", one, Role::kTrain, [&](net::Request& request) { return remove(request, jobs, host); });
  add_waiting_route(
      server, one + "/events", Role::kTrain,
      [&](net::Request& request, net::Responder responder) { events(request, responder, jobs, streams); }, {}, "GET");
}

}  // namespace hone::serve
