#include "serve/jobs/progress.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

std::string cell(const std::optional<double>& value) {
  return value ? format("%.6g", *value) : "";
}

}  // namespace

void add_row(StepTable& steps, const track::MetricsRow& row) {
  StepMetrics& step = steps[row.step];
  step.step = row.step;
  for (const auto& [name, value] : row.scalars) {
    if (name == "loss") step.train_loss = value;
    if (name == "mean_token_accuracy" || name == "rewards/accuracies") step.train_accuracy = value;
    if (name == "eval_loss") step.full_valid_loss = value;
    if (name == "eval_accuracy" || name == "eval_rewards/accuracies") step.full_valid_accuracy = value;
    if (name == "tokens") step.tokens = value;
    if (name == "tokens_per_second") step.tokens_per_second = value;
  }
}

std::vector<track::MetricsRow> MetricsTail::read() {
  struct stat now {};
  std::ifstream file(path_, std::ios::binary | std::ios::ate);
  if (!file || ::stat(path_.c_str(), &now) != 0) return {};
  const auto size = static_cast<size_t>(file.tellg());
  if (now.st_ino != file_ || size < read_) read_ = 0;
  file_ = now.st_ino;
  if (size == read_) return {};
  std::string text(size - read_, '\0');
  file.seekg(static_cast<std::streamoff>(read_));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0: no whole line yet
  read_ += text.size();
  return track::parse_metrics(text, path_.string()).rows;
}

std::vector<int64_t> checkpoint_steps(const fs::path& run) {
  constexpr std::string_view kName = "checkpoint-";
  std::vector<int64_t> steps;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run, none)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (!starts_with(name, kName)) continue;
    const auto [end, fault] = std::from_chars(name.data() + kName.size(), name.data() + name.size(), step);
    if (fault == std::errc() && end == name.data() + name.size()) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string result_csv(const StepTable& steps) {
  std::string text = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n";
  for (const auto& [number, step] : steps) {
    if (!step.train_loss) continue;
    text += std::to_string(step.step) + "," + cell(step.train_loss) + "," + cell(step.train_accuracy) + "," +
            cell(step.full_valid_loss) + "," + cell(step.full_valid_accuracy) + "\n";
  }
  return text;
}

std::string legacy_result_csv(const StepTable& steps, const EpochPlan& epoch) {
  std::string text =
      "step,elapsed_tokens,elapsed_examples,training_loss,training_sequence_accuracy,training_token_accuracy,"
      "validation_loss,validation_sequence_accuracy,validation_token_accuracy\n";
  for (const auto& [number, step] : steps) {
    if (!step.train_loss) continue;
    const int64_t examples = number / epoch.steps * epoch.examples + number % epoch.steps * epoch.batch_size;
    text += format("%ld,%.0f,%ld,", number, step.tokens, examples) + cell(step.train_loss) + ",," +
            cell(step.train_accuracy) + "," + cell(step.full_valid_loss) + ",," + cell(step.full_valid_accuracy) + "\n";
  }
  return text;
}

std::string without_folders(std::string text, const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    for (const std::string& written : {fs::absolute(folder).string(), folder.string()}) {
      const std::string name = folder.filename().string();
      for (size_t at = text.find(written); !written.empty() && at != std::string::npos; at = text.find(written, at)) {
        text.replace(at, written.size(), name);
        at += name.size();
      }
    }
  }
  return text;
}

WorkerFault fault_in(const std::string& output) {
  WorkerFault fault;
  for (const std::string& line : split(output, '\n')) {
    const Json document = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!document.is_object() || !document.contains("error")) continue;
    const Json& error = document["error"];
    fault.kind = error.value("kind", "");
    fault.text = error.value("place", "");
    fault.text += (fault.text.empty() ? "" : ": ") + error.value("message", "");
    if (const std::string fix = error.value("fix", ""); !fix.empty()) fault.text += " (" + fix + ")";
  }
  return fault;
}

}  // namespace hone::serve
