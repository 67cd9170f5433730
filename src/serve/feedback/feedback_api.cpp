#include "serve/feedback/feedback_api.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/ab/automatic_metrics.h"
#include "serve/api_error.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

constexpr size_t kMostMetrics = 20;
constexpr int64_t kLongestName = 64, kLongestUser = 512, kLongestComment = 10'000, kLongestCorrection = 1'000'000;
constexpr double kMost = 1e12;

Json feedback_json(const FeedbackRecord& feedback) {
  return {{"id", feedback.id},
          {"object", "feedback"},
          {"created_at", feedback.created_at},
          {"completion_id", json_or_null(feedback.completion)},
          {"choice_index", feedback.completion ? Json(feedback.choice) : Json(nullptr)},
          {"experiment", json_or_null(feedback.experiment)},
          {"variant", json_or_null(feedback.variant)},
          {"thumb", json_or_null(feedback.thumb)},
          {"score", json_or_null(feedback.score)},
          {"metrics", Json(feedback.metrics)},
          {"correction", json_or_null(feedback.correction)},
          {"comment", json_or_null(feedback.comment)},
          {"counted", feedback.counted}};
}

/// Everything that a request to give feedback needs.
class Giver {
 public:
  Giver(FeedbackTable& table, Experiments& experiments, Recorder& recorder, GuardWatch& guards)
      : table_(table), experiments_(experiments), recorder_(recorder), guards_(guards) {}

  FeedbackRecord give(const net::Request& request);

 private:
  CompletionRecord completion(const std::string& id, const Caller& caller);
  void about_completion(const Fields& fields, const Caller& caller, FeedbackRecord& feedback);
  void about_user(const Fields& fields, const Caller& caller, FeedbackRecord& feedback);
  void read_values(const Fields& fields, FeedbackRecord& feedback) const;
  void check_metric(const Fields& values, const std::string& name) const;

  FeedbackTable& table_;
  Experiments& experiments_;
  Recorder& recorder_;
  GuardWatch& guards_;
  std::optional<ExperimentRecord> experiment_;
};

CompletionRecord Giver::completion(const std::string& id, const Caller& caller) {
  std::optional<CompletionRecord> found = table_.completion(id);
  if (!found) {
    // It may have been answered in this moment.
    if (!recorder_.flush()) throw ApiError(503, "The server cannot write down feedback at the moment.");
    found = table_.completion(id);
  }
  if (!found || !caller.sees(found->owner)) {
    refuse_unknown("No such completion: " + excerpt(id, 80) +
                       ". Feedback can be given to answers of an experiment, and to those asked for with \"store\": "
                       "true.",
                   "completion_id", "completion_not_found");
  }
  return *std::move(found);
}

void Giver::about_completion(const Fields& fields, const Caller& caller, FeedbackRecord& feedback) {
  const CompletionRecord about = completion(fields.text("completion_id", 1, 200), caller);
  feedback.completion = about.id;
  feedback.choice = fields.integer("choice_index", 0, about.choices - 1).value_or(0);
  feedback.owner = about.owner;
  feedback.experiment = about.experiment;
  feedback.variant = about.variant;
  feedback.user_hash = about.user_hash;
  feedback.counted = about.counted;
  if (about.experiment) experiment_ = experiments_.table().by_id(*about.experiment);
  const auto user = fields.optional_text("user", 1, kLongestUser);
  if (user && about.user_hash && user_hash(*about.experiment, *user) != *about.user_hash) {
    refuse("Invalid 'user': the completion was another user's.", "user", "invalid_value");
  }
  const auto named = fields.optional_text("experiment", 1, kLongestName);
  if (named && experiments_.get(*named, caller).id != about.experiment) {
    refuse("Invalid 'experiment': the completion is not of it.", "experiment", "invalid_value");
  }
  if (fields.has("correction") && !about.prompt) {
    refuse(
        "Invalid 'correction': the prompt of this completion was not kept, so nothing could be learnt from it. Ask "
        "with \"store\": true.",
        "correction", "completion_not_stored");
  }
}

void Giver::about_user(const Fields& fields, const Caller& caller, FeedbackRecord& feedback) {
  if (!fields.has("experiment")) {
    refuse("Missing required parameter: 'completion_id', or 'experiment' and 'user'.", "completion_id",
           "missing_required_parameter");
  }
  experiment_ = experiments_.get(fields.text("experiment", 1, kLongestName), caller);
  const std::string user = fields.text("user", 1, kLongestUser);
  for (const char* name : {"choice_index", "correction"}) {
    if (fields.has(name)) refuse(format("Invalid '%s': it needs a completion_id.", name), name, "invalid_value");
  }
  feedback.owner = experiment_->owner;
  feedback.experiment = experiment_->id;
  feedback.variant = experiment_->answering(user).name;
  feedback.user_hash = user_hash(experiment_->id, user);
  feedback.counted = experiment_->running();
}

void Giver::check_metric(const Fields& values, const std::string& name) const {
  const std::string param = values.path(excerpt(name, 60));
  if (automatic_metric(name)) {
    refuse("Invalid '" + param + "': the server measures it by itself.", param, "invalid_value");
  }
  if (!experiment_) return;
  const metrics::MetricSpec* spec = experiment_->metric(name);
  if (spec == nullptr) {
    std::vector<std::string> known;
    for (const metrics::MetricSpec& one : experiment_->metrics) known.push_back(one.name);
    refuse("Invalid '" + param + "': experiment " + experiment_->name +
               " has no such metric. It has: " + join(known, ", ") + ".",
           param, "invalid_value");
  }
  const auto value = values.number(name, -kMost, kMost);
  if (spec->kind == metrics::MetricKind::kBinary && value && *value != 0 && *value != 1)
    refuse("Invalid '" + param + "': the metric is binary, expected 0 or 1.", param, "invalid_value");
}

void Giver::read_values(const Fields& fields, FeedbackRecord& feedback) const {
  feedback.thumb = fields.choice("thumb", {"up", "down"});
  feedback.score = fields.number("score", -kMost, kMost);
  feedback.correction = fields.optional_text("correction", 1, kLongestCorrection);
  feedback.comment = fields.optional_text("comment", 1, kLongestComment);
  if (const Json* given = fields.object("metrics")) {
    if (given->size() > kMostMetrics)
      refuse(format("Invalid 'metrics': at most %zu.", kMostMetrics), "metrics", "object_above_max_properties");
    const Fields values(*given, "metrics");
    for (const auto& [name, value] : given->items()) {
      check_metric(values, name);
      if (const auto number = values.number(name, -kMost, kMost)) feedback.metrics[name] = *number;
    }
  }
  const auto twice = [&](const char* field, const char* metric) {
    if (fields.has(field) && feedback.metrics.contains(metric))
      refuse(format("Invalid '%s': it stands in 'metrics' too.", field), field, "invalid_value");
  };
  twice("thumb", "positive");
  twice("score", "score");
  if (experiment_ && feedback.score && experiment_->metric("score") != nullptr &&
      experiment_->metric("score")->kind == metrics::MetricKind::kBinary && *feedback.score != 0 &&
      *feedback.score != 1)
    refuse("Invalid 'score': the metric is binary, expected 0 or 1.", "score", "invalid_value");
  if (!feedback.thumb && !feedback.score && feedback.metrics.empty() && !feedback.correction && !feedback.comment) {
    refuse("Missing required parameter: one of 'thumb', 'score', 'metrics', 'correction', 'comment'.", "thumb",
           "missing_required_parameter");
  }
}

FeedbackRecord Giver::give(const net::Request& request) {
  const Caller caller = caller_of(request);
  const Json body = parse_body(request.body);
  const Fields fields(body);
  fields.only(
      {"completion_id", "choice_index", "experiment", "user", "thumb", "score", "metrics", "correction", "comment"});
  FeedbackRecord feedback;
  if (fields.has("completion_id"))
    about_completion(fields, caller, feedback);
  else
    about_user(fields, caller, feedback);
  read_values(fields, feedback);
  feedback.request_hash = store::sha256_of(request.body);
  if (is_retry(request)) {
    if (auto made = table_.recent(feedback.owner, feedback.request_hash)) return *std::move(made);
  }
  table_.put(feedback, experiment_ ? &*experiment_ : nullptr);
  if (feedback.counted) guards_.notice({*feedback.experiment});
  return feedback;
}

net::Response list(const net::Request& request, FeedbackTable& table, Experiments& experiments) {
  const Caller caller = caller_of(request);
  const std::string* named = request.query_value("experiment");
  const std::string experiment = named == nullptr ? "" : experiments.get(*named, caller).id;
  const std::string owner = caller.role == Role::kAdmin ? "" : caller.owner;
  return page_response(table.page(page_request(request, 20, 1000), owner, experiment), feedback_json);
}

net::Response take_back(const net::Request& request, FeedbackTable& table, Experiments& experiments) {
  const std::string& id = request.path_values.at("feedback_id");
  const std::optional<FeedbackRecord> found = table.feedback(id);
  if (!found || !caller_of(request).sees(found->owner))
    refuse_unknown("No such feedback: " + excerpt(id, 80), "feedback_id", "feedback_not_found");
  const auto experiment = found->experiment ? experiments.table().by_id(*found->experiment) : std::nullopt;
  table.remove(*found, experiment ? &*experiment : nullptr);
  return json_response({{"id", found->id}, {"object", "feedback"}, {"deleted", true}});
}

}  // namespace

void add_feedback_api(net::Server& server, FeedbackTable& table, Experiments& experiments, Recorder& recorder,
                      GuardWatch& guards) {
  add_route(server, "POST", "/v1/feedback", Role::kUse, [&](net::Request& request) {
    return json_response(feedback_json(Giver(table, experiments, recorder, guards).give(request)));
  });
  add_route(server, "GET", "/v1/feedback", Role::kTrain,
            [&](net::Request& request) { return list(request, table, experiments); });
  add_route(server, "DELETE", "/v1/feedback/{feedback_id}", Role::kTrain,
            [&](net::Request& request) { return take_back(request, table, experiments); });
}

}  // namespace hone::serve
