#include "serve/feedback/feedback_record.h"

#include <nlohmann/json.hpp>

#include "serve/ab/automatic_metrics.h"
#include "serve/ab/statistics.h"
#include "serve/ids.h"
#include "serve/row_pages.h"

namespace hone::serve {
namespace {

using store::Row;
using store::Value;

CompletionRecord to_completion(const Row& row) {
  return {.id = row.text("id"),
          .owner = row.text("owner"),
          .model = row.text("model"),
          .experiment = row.text_or_null("experiment"),
          .variant = row.text_or_null("variant"),
          .user_hash = row.text_or_null("user_hash"),
          .prompt = row.text_or_null("prompt_json"),
          .answers = row.text_or_null("answers_json"),
          .created_at = row.integer("created_at"),
          .choices = row.integer("choices"),
          .counted = row.integer("counted") != 0};
}

FeedbackRecord to_feedback(const Row& row) {
  FeedbackRecord feedback;
  feedback.id = row.text("id");
  feedback.owner = row.text("owner");
  feedback.request_hash = row.text("request_hash");
  feedback.completion = row.text_or_null("completion");
  feedback.experiment = row.text_or_null("experiment");
  feedback.variant = row.text_or_null("variant");
  feedback.user_hash = row.text_or_null("user_hash");
  feedback.thumb = row.text_or_null("thumb");
  feedback.correction = row.text_or_null("correction");
  feedback.comment = row.text_or_null("comment");
  feedback.score = row.real_or_null("score");
  feedback.metrics = parse_json(row.text("metrics_json"), feedback.id).get<std::map<std::string, double>>();
  feedback.serial = row.integer("serial");
  feedback.created_at = row.integer("created_at");
  feedback.choice = row.integer("choice");
  feedback.counted = row.integer("counted") != 0;
  return feedback;
}

/// What it says of this metric, if anything.
std::optional<double> value_of(const FeedbackRecord& feedback, const std::string& metric) {
  if (const auto found = feedback.metrics.find(metric); found != feedback.metrics.end()) return found->second;
  if (metric == "positive" && feedback.thumb) return *feedback.thumb == "up" ? 1 : 0;
  return metric == "score" ? feedback.score : std::nullopt;
}

}  // namespace

std::optional<CompletionRecord> FeedbackTable::completion(const std::string& id) {
  const auto rows = database().query("SELECT * FROM completions WHERE id = ?", {id});
  if (rows.empty()) return std::nullopt;
  return to_completion(rows.front());
}

void FeedbackTable::put(FeedbackRecord& feedback, const ExperimentRecord* experiment) {
  database().transaction([&] {
    feedback.created_at = unix_now();
    const auto before = !feedback.completion
                            ? std::vector<Row>()
                            : database().query("SELECT id, serial FROM feedback WHERE completion = ? AND choice = ?",
                                               {*feedback.completion, feedback.choice});
    feedback.id = before.empty() ? new_id("fb-") : before.front().text("id");
    feedback.serial = before.empty() ? records_.next_serial("feedback") : before.front().integer("serial");
    database().execute("DELETE FROM feedback WHERE id = ?", {feedback.id});
    database().execute(
        "INSERT INTO feedback (id, serial, owner, created_at, request_hash, completion, choice, experiment, variant,"
        " user_hash, counted, thumb, score, metrics_json, correction, comment)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {feedback.id, feedback.serial, feedback.owner, feedback.created_at, feedback.request_hash,
         value_or_null(feedback.completion), feedback.choice, value_or_null(feedback.experiment),
         value_or_null(feedback.variant), value_or_null(feedback.user_hash), int64_t{feedback.counted ? 1 : 0},
         value_or_null(feedback.thumb), value_or_null(feedback.score), to_line(Json(feedback.metrics)),
         value_or_null(feedback.correction), value_or_null(feedback.comment)});
    if (experiment == nullptr || !feedback.counted) return;
    UserValues(database())
        .seen(experiment->id, *feedback.variant, *feedback.user_hash,
              static_cast<int64_t>(experiment->periods.size()) - 1);
    refresh(*experiment, *feedback.variant, *feedback.user_hash);
  });
}

void FeedbackTable::refresh(const ExperimentRecord& experiment, const std::string& variant,
                            const std::string& user_hash) {
  std::vector<FeedbackRecord> said;
  for (const Row& row : database().query("SELECT * FROM feedback WHERE experiment = ? AND user_hash = ? AND variant = ?"
                                         " AND counted = 1 ORDER BY serial",
                                         {experiment.id, user_hash, variant})) {
    said.push_back(to_feedback(row));
  }
  UserValues values(database());
  for (const metrics::MetricSpec& spec : experiment.metrics) {
    if (automatic_metric(spec.name)) continue;
    int64_t observations = 0;
    double total = 0;
    for (const FeedbackRecord& one : said) {
      const std::optional<double> value = value_of(one, spec.name);
      observations += value ? 1 : 0;
      total += value.value_or(0);
    }
    values.set(experiment.id, spec.name, variant, user_hash, observations, total);
  }
}

std::optional<FeedbackRecord> FeedbackTable::feedback(const std::string& id) {
  const auto rows = database().query("SELECT * FROM feedback WHERE id = ?", {id});
  if (rows.empty()) return std::nullopt;
  return to_feedback(rows.front());
}

std::optional<FeedbackRecord> FeedbackTable::recent(const std::string& owner, const std::string& request_hash) {
  const auto rows = database().query(
      "SELECT * FROM feedback WHERE owner = ? AND request_hash = ? AND created_at >= ? ORDER BY serial DESC LIMIT 1",
      {owner, request_hash, unix_now() - kSameRequestSeconds});
  if (rows.empty()) return std::nullopt;
  return to_feedback(rows.front());
}

Page<FeedbackRecord> FeedbackTable::page(const PageRequest& page, const std::string& owner,
                                         const std::string& experiment) {
  const int64_t start = page.ascending ? 0 : INT64_MAX;
  const int64_t from = page.after.empty() ? start : records_.serial_of("feedback", page.after);
  std::string sql = "SELECT * FROM feedback WHERE";
  std::vector<Value> values;
  const auto only = [&](const char* condition, const std::string& value) {
    if (value.empty()) return;
    sql += condition;
    values.emplace_back(value);
  };
  only(" owner = ? AND", owner);
  only(" experiment = ? AND", experiment);
  values.emplace_back(from);
  values.emplace_back(page.limit + 1);
  return page_of<FeedbackRecord>(database().query(sql + page_end(page), values), page.limit, to_feedback);
}

void FeedbackTable::remove(const FeedbackRecord& feedback, const ExperimentRecord* experiment) {
  database().transaction([&] {
    database().execute("DELETE FROM feedback WHERE id = ?", {feedback.id});
    if (experiment != nullptr && feedback.counted) refresh(*experiment, *feedback.variant, *feedback.user_hash);
  });
}

}  // namespace hone::serve
