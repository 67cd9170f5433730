#include "track/experiment_card.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/file.h"
#include "base/strings.h"

namespace hone::track {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "experiment.md";
constexpr const char* kObserved = "- 관찰 (observations):";

std::string date(double seconds) {
  if (seconds <= 0) return "?";
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::localtime_r(&whole, &parts);
  return format("%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string last_part(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return (normal.has_filename() ? normal.filename() : normal.parent_path().filename()).string();
}

/// "  * name: value" for settings of one section that say something.
std::string method_lines(const RunFolder& run) {
  const std::string method = run.setting("method");
  if (method == "lora") {
    return "- LoRA 설정 (LoRA settings):\n  * r=" + run.setting("lora.r") +
           ", alpha=" + run.setting("lora.lora_alpha") + ", dropout=" + run.setting("lora.lora_dropout") +
           "\n  * target: " + run.setting("lora.target_modules") + "\n";
  }
  std::string text = "- 학습 방식 (method): " + method + "\n";
  if (method != "partial") return text;
  for (const auto& [name, value] : run.settings) {
    const bool said = value != "null" && value != "false" && value != "none" && value != "[]";
    if (starts_with(name, "partial.") && said) text += "  * " + name.substr(8) + ": " + value + "\n";
  }
  return text;
}

std::string training_lines(const RunFolder& run) {
  const auto of = [&](const char* name) { return run.setting(std::string("training.") + name); };
  const std::string length =
      of("max_steps") != "-1" ? "max_steps=" + of("max_steps") : "epochs=" + of("num_train_epochs");
  return "- 학습 설정 (training):\n  * " + length + ", lr=" + of("learning_rate") + ", " + of("lr_scheduler_type") +
         "\n  * batch_size=" + of("per_device_train_batch_size") + ", grad_accum=" + of("gradient_accumulation_steps") +
         ", max_length=" + run.setting("data.max_length") + "\n  * optim=" + of("optim") + ", seed=" + of("seed") +
         "\n";
}

std::string result_lines(const RunFolder& run) {
  std::string text = "- 결과 (results):\n";
  const auto line = [&](const char* title, const char* name) {
    if (const auto value = run.figure(name)) text += format("  * %s: %.4g\n", title, *value);
  };
  line("train loss", "train_loss");
  line("first eval loss", "first_eval_loss");
  line("last eval loss", "last_eval_loss");
  line("test loss", "test_loss");
  if (const auto step = run.figure("best_step"); step && *step > 0 && run.figure("best_metric")) {
    text += format("  * best %s: %.4g (step %.0f)\n", run.setting("training.metric_for_best_model").c_str(),
                   *run.figure("best_metric"), *step);
  }
  if (const auto steps = run.figure("steps")) text += format("  * steps: %.0f\n", *steps);
  if (const auto seconds = run.figure("seconds")) text += "  * train time: " + human_seconds(*seconds) + "\n";
  if (const auto bytes = run.figure("peak_memory_bytes")) text += "  * peak memory: " + human_bytes(*bytes) + "\n";
  return text;
}

/// What the figures alone tell.
std::string observation(const RunFolder& run) {
  const auto best = run.figure("best_step"), steps = run.figure("steps");
  if (!best || !steps || *best <= 0) return "";
  if (*best < *steps) {
    return format(
        " 검증 지표는 step %.0f에서 가장 좋았고 그 뒤로는 나아지지 않음 (best at step %.0f of %.0f, no better after)",
        *best, *best, *steps);
  }
  return " 마지막 평가가 가장 좋음: 더 길게 학습해 볼 만함 (the last evaluation was the best: a longer run may gain)";
}

int number_in(const std::string& card) {
  const size_t at = card.find('#', card.find("실험"));
  return at == std::string::npos ? 0 : std::atoi(card.c_str() + at + 1);
}

/// One more than the highest among the neighbours.
int next_number(const fs::path& folder) {
  int highest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::absolute(folder).lexically_normal().parent_path(), ignored)) {
    const fs::path card = entry.path() / kFile;
    if (fs::exists(card, ignored)) highest = std::max(highest, number_in(read_file(card)));
  }
  return highest + 1;
}

}  // namespace

std::string experiment_card(const RunFolder& run, int number, const std::string& earlier) {
  std::string text = format("## 실험 #%03d (experiment): %s\n", number, run.name.c_str());
  text += "- 날짜 (date): " + date(run.started) + "\n";
  text += "- 데이터셋 (data): " + run.setting("data.train");
  if (const auto examples = run.figure("train_examples"))
    text += " (" + with_commas(static_cast<long long>(*examples)) + " samples)";
  text += "\n- 베이스 모델 (base model): " + last_part(run.setting("model.name_or_path")) + "\n";
  text += method_lines(run) + training_lines(run) + result_lines(run);
  const size_t kept = earlier.find(kObserved);
  if (kept != std::string::npos) return text + earlier.substr(kept);
  return text + kObserved + observation(run) + "\n- 다음 실험 (next experiment):\n";
}

void write_experiment_card(const fs::path& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal() / kFile;
  const std::string earlier = fs::exists(path) ? read_file(path) : "";
  const int known = earlier.empty() ? 0 : number_in(earlier);
  write_file(path, experiment_card(read_run(folder), known > 0 ? known : next_number(path.parent_path()), earlier));
}

}  // namespace hone::track
