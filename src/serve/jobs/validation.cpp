#include "serve/jobs/validation.h"

#include "base/error.h"
#include "base/strings.h"
#include "data/file_check.h"

namespace hone::serve {
namespace {

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

struct Stopped {};

/// Faults as they come, counted beyond the limit.
class Reporter {
 public:
  Reporter(std::string param, const DataCheckCalls& calls) : param_(std::move(param)), calls_(calls) {}

  void look_at(const std::vector<data::Finding>& findings) {
    for (const data::Finding& finding : findings) {
      const bool is_error = finding.severity() == data::Severity::kError;
      if (!is_error && finding.line > 0) continue;  // OpenAI takes such rows without a word
      const std::string text = text_of(finding);
      if (is_error && ++errors_ == 1) first_ = text;
      if (errors_ >= kMostFaultEvents && is_error) continue;
      calls_.report({is_error, param_, finding.line, data::info(finding.check).name, text});
    }
  }
  void close() const {
    if (errors_ < kMostFaultEvents) return;
    const std::string more = with_commas(static_cast<long long>(errors_ - kMostFaultEvents + 1));
    calls_.report({.param = param_, .text = "… and " + more + " more"});
  }
  uint64_t errors() const { return errors_; }
  const std::string& first() const { return first_; }

 private:
  std::string param_, first_;
  const DataCheckCalls& calls_;
  uint64_t errors_ = 0;
};

JobFault bad_rows(const Reporter& faults, const std::string& param) {
  const char* which = param == "training_file" ? "training" : "validation";
  std::string text =
      format("The job failed due to an invalid %s file. Invalid file format. %s", which, faults.first().c_str());
  if (faults.errors() > 1) text += format(" %lu faults in all; the job's events name them.", faults.errors());
  return {"invalid_" + param, text, param};
}

}  // namespace

bool needs_pairs(const std::string& shape) {
  return shape == "preference" || shape == "openai_preference";
}

std::string too_few_examples(uint64_t examples) {
  return format("Training file has %lu example(s), but must have at least %lu examples", examples, kLeastExamples);
}

DataCheck check_job_file(const std::filesystem::path& path, const std::string& id, const std::string& method,
                         const std::string& param, const DataCheckCalls& calls) {
  DataCheck check;
  Reporter faults(param, calls);
  data::FileCheckOptions options;
  options.min_rows = 0;
  options.load.format = "jsonl";
  options.load.max_row_bytes = kLongestRow;
  options.max_findings = 0;  // they are told as they come
  options.compare_rows = false;
  options.on_row = [&](const data::Row& row) {
    if (calls.stops()) throw Stopped();
    faults.look_at(row.findings.all());
  };
  data::FileReport found;
  try {
    found = data::check_file(path, options);
  } catch (const Stopped&) {
    check.stopped = true;
    return check;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    check.fault =
        JobFault{"invalid_" + param, "The job failed due to an invalid file " + id + ". " + error.message(), param};
    return check;
  }
  faults.look_at(found.findings);
  faults.close();
  check.examples = static_cast<int64_t>(found.ok);
  check.raw_pairs = found.shapes.size() == 1 && found.shapes.contains("prompt_completion");
  if (faults.errors() > 0) {
    check.fault = bad_rows(faults, param);
  } else if (auto wrong = wrong_format(found, id, method, param)) {
    check.fault = std::move(wrong);
  } else if (param == "training_file" && found.ok < kLeastExamples) {
    check.fault = JobFault{"invalid_n_examples", too_few_examples(found.ok), param};
  }
  return check;
}

}  // namespace hone::serve
