#include "serve/files/file_validation.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "data/file_check.h"
#include "metrics/statistics.h"
#include "serve/api_error.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/jobs/validation.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "text/count_tokens.h"

namespace hone::serve {
namespace {

/// Tokens of an example as training would see it.
class Counter {
 public:
  explicit Counter(const generate::ModelText& text) : text_(text) {
    if (!text.chat_template().empty()) encoder_.emplace(text.encoder({.max_length = uint32_t{1} << 30}));
  }
  const char* name() const { return encoder_ ? "tokenizer and chat template" : "tokenizer"; }

  uint64_t count(const data::Example& example) const {
    return encoder_ ? text::count_tokens(example, *encoder_) : text::count_tokens(example, text_.tokenizer());
  }

 private:
  const generate::ModelText& text_;
  std::optional<text::ChatEncoder> encoder_;
};

struct Lengths {
  std::vector<double> each;
  uint64_t truncated = 0;

  Json json(const char* counted_by) const {
    const auto total = static_cast<uint64_t>(std::accumulate(each.begin(), each.end(), 0.0));
    const bool any = !each.empty();
    return {{"total", total},
            {"mean", any ? metrics::mean(each) : 0},
            {"p95", any ? metrics::percentile(each, 0.95) : 0},
            {"max", any ? *std::max_element(each.begin(), each.end()) : 0},
            {"counted_by", counted_by}};
  }
};

Json finding_json(const data::Finding& finding) {
  return {{"line", finding.line},
          {"path", finding.path},
          {"code", data::info(finding.check).name},
          {"message", finding.message},
          {"fix", finding.fix}};
}

/// Counts tokens row by row; a row that the template refuses gets a finding, as in `hone data check`.
data::FileReport read(const std::filesystem::path& path, const Counter& counter, uint32_t max_length, uint64_t most,
                      Lengths& lengths) {
  data::FileCheckOptions options;
  options.min_rows = 0;  // the method decides whether they are too few
  options.load.format = "jsonl";
  options.load.max_row_bytes = kLongestRow;
  options.max_findings = most;
  options.inspect = [&](const data::Example& example, data::Findings& findings) {
    try {
      const uint64_t tokens = counter.count(example);
      lengths.each.push_back(static_cast<double>(tokens));
      lengths.truncated += tokens > max_length * (example.rejected ? 2U : 1U);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      findings.add(data::Check::cannot_encode, "", error.message(), error.remedy());
    }
  };
  return data::check_file(path, options);
}

/// The method that all rows are for; nothing where they are mixed.
std::optional<std::string> method_of(const data::FileReport& report) {
  std::optional<std::string> method;
  for (const auto& [shape, rows] : report.shapes) {
    const std::string needs = needs_pairs(shape) ? "dpo" : "supervised";
    if (method && *method != needs) return std::nullopt;
    method = needs;
  }
  return method;
}

/// Faults and warnings, `limit` of each shown and all counted.
class Report {
 public:
  Report(const data::FileReport& report, size_t limit)
      : faults_total_(report.errors), warnings_total_(report.warnings) {
    for (const data::Finding& finding : report.findings) {
      const bool error = finding.severity() == data::Severity::kError;
      if (finding.line == 0) ++(error ? faults_total_ : warnings_total_);  // of the file as a whole
      Json& list = error ? faults_ : warnings_;
      if (list.size() < limit) list.push_back(finding_json(finding));
    }
  }
  /// Of the file as a whole; always shown.
  void add_fault(const char* code, const std::string& message, const char* fix) {
    faults_.push_back({{"line", 0}, {"path", ""}, {"code", code}, {"message", message}, {"fix", fix}});
    ++faults_total_;
  }
  Json json() && {
    return {{"valid", faults_total_ == 0},
            {"faults", std::move(faults_)},
            {"faults_total", faults_total_},
            {"warnings", std::move(warnings_)},
            {"warnings_total", warnings_total_}};
  }

 private:
  Json faults_ = Json::array(), warnings_ = Json::array();
  uint64_t faults_total_, warnings_total_;
};

void add_plan(Json& json, const std::optional<std::string>& method, uint64_t examples, uint64_t tokens) {
  const Hyperparameters values = resolve({}, static_cast<int64_t>(examples));
  json["hyperparameters"] = method ? hyperparameters_json(values, *method == "dpo") : Json(nullptr);
  json["trained_tokens"] = method ? Json(tokens * static_cast<uint64_t>(values.n_epochs.value_or(1))) : Json(nullptr);
}

Json validate(const FileRecord& file, const std::filesystem::path& path, const generate::ModelText& text,
              uint32_t max_length, size_t limit) {
  const Counter counter(text);
  Lengths lengths;
  const data::FileReport report = read(path, counter, max_length, limit, lengths);
  const std::optional<std::string> method = method_of(report);
  Report told(report, limit);
  if (report.ok > 0 && !method)
    told.add_fault("invalid_file_format", "chats and pairs of answers stand in one file",
                   "keep a file for each method");
  if (report.ok < kLeastExamples)
    told.add_fault("invalid_n_examples", too_few_examples(report.ok), "add examples; a validation file may have fewer");
  Json json = std::move(told).json();
  json["object"] = "file.validation";
  json["file_id"] = file.id;
  json["method"] = json_or_null(method);
  json["shapes"] = report.shapes;
  json["rows"] = report.rows;
  json["examples"] = report.ok;
  json["tokens"] = lengths.json(counter.name());
  json["truncated"] = lengths.truncated;
  json["max_length"] = max_length;
  add_plan(json, method, report.ok, json["tokens"]["total"].get<uint64_t>());
  return json;
}

}  // namespace

void add_file_validation_api(net::Server& server, Files& files, const generate::ModelText& text, uint32_t max_length) {
  // A large file takes a minute of a core: two at once would take the model's.
  const auto busy = std::make_shared<std::mutex>();
  add_route(server, "GET", "/v1/files/{file_id}/validation", Role::kTrain,
            [&, max_length, busy](net::Request& request) {
              const FileRecord file = files.get(request.path_values.at("file_id"), caller_of(request));
              const auto limit = static_cast<size_t>(page_request(request, 100, 1000).limit);
              const std::unique_lock lock(*busy, std::try_to_lock);
              if (!lock) refuse_busy();
              return json_response(validate(file, files.content(file), text, max_length, limit));
            });
}

}  // namespace hone::serve
