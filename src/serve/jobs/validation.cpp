#include "serve/jobs/validation.h"

#include "base/error.h"
#include "base/strings.h"
#include "data/file_check.h"

namespace hone::serve {
namespace {

constexpr uint64_t kMostReported = 200;

const char* format_name(const std::string& method) {
  return method == "dpo" ? "fine-tune-preference" : "fine-tune-chat";
}

std::optional<JobFault> wrong_format(const data::FileReport& report, const std::string& id, const std::string& method,
                                     const std::string& param) {
  const bool wants_pairs = method == "dpo";
  for (const auto& [shape, rows] : report.shapes) {
    if (needs_pairs(shape) == wants_pairs) continue;
    return JobFault{"invalid_file_format",
                    format("Input file %s is in the %s format, but the method %s needs the %s format.", id.c_str(),
                           format_name(wants_pairs ? "supervised" : "dpo"), method.c_str(), format_name(method)),
                    param};
  }
  return std::nullopt;
}

std::string text_of(const data::Finding& finding) {
  std::string text = finding.line > 0 ? format("Line %lu", finding.line) : "File";
  if (!finding.path.empty()) text += ", " + finding.path;
  text += ": " + message_without_content(finding);  // events are kept and shown
  return finding.fix.empty() ? text : text + " (" + finding.fix + ")";
}

}  // namespace

bool needs_pairs(const std::string& shape) {
  return shape == "preference" || shape == "openai_preference";
}

std::string too_few_examples(uint64_t examples) {
  return format("Training file has %lu example(s), but must have at least %lu examples", examples, kLeastExamples);
}

DataCheck check_job_file(const std::filesystem::path& path, const std::string& id, const std::string& method,
                         const std::string& param,
                         const std::function<void(const char* level, const std::string& text)>& report) {
  DataCheck check;
  data::FileCheckOptions options;
  options.min_rows = 0;
  options.load.format = "jsonl";
  options.load.max_row_bytes = kLongestRow;
  options.max_findings = kMostReported;
  data::FileReport found;
  try {
    found = data::check_file(path, options);
  } catch (const Error& error) {
    check.fault =
        JobFault{"invalid_" + param, "The job failed due to an invalid file " + id + ". " + error.message(), param};
    return check;
  }
  check.examples = static_cast<int64_t>(found.ok);
  check.raw_pairs = found.shapes.size() == 1 && found.shapes.contains("prompt_completion");
  std::string first;
  unsigned long errors = found.errors;
  for (const data::Finding& finding : found.findings) {
    const bool is_error = finding.severity() == data::Severity::kError;
    const std::string text = text_of(finding);
    if (is_error && first.empty()) first = text;
    if (is_error && finding.line == 0) ++errors;  // of the file as a whole
    if (is_error || finding.line == 0)
      report(is_error ? "error" : "warn", format("%s: %s", param.c_str(), text.c_str()));
  }
  if (errors > kMostReported) report("error", format("%s: %lu more faults", param.c_str(), errors - kMostReported));
  if (errors > 0) {
    const char* which = param == "training_file" ? "training" : "validation";
    check.fault =
        JobFault{"invalid_" + param,
                 format("The job failed due to an invalid %s file. Invalid file format. %s", which, first.c_str()) +
                     (errors > 1 ? format(" %lu faults in all are in the job's events.", errors) : ""),
                 param};
  } else if (auto wrong = wrong_format(found, id, method, param)) {
    check.fault = std::move(wrong);
  } else if (param == "training_file" && found.ok < kLeastExamples) {
    check.fault = JobFault{"invalid_n_examples", too_few_examples(found.ok), param};
  }
  return check;
}

}  // namespace hone::serve
