// The checklist before anything is trained: data, configuration, machine.
#include <sys/sysinfo.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/plain/checklist.h"
#include "metrics/cost/calculator.h"
#include "recipe/train_config.h"

namespace hone::cli {
namespace fs = std::filesystem;
namespace {

std::string count(uint64_t n) {
  return with_commas(static_cast<long long>(n));
}

/// A folder's licence file, "" if there is none.
std::string licence_in(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "USE_POLICY.md"}) {
    if (fs::exists(folder / name, ignored)) return name;
  }
  return "";
}

void check_base(const recipe::TrainConfig& config, Checklist& list) {
  const std::string& base = config.model.name_or_path;
  std::error_code ignored;
  if (!fs::exists(fs::path(base) / "config.json", ignored)) {
    list.fail("base_model", {base + " is no model folder", base + "은(는) 모델 폴더가 아닙니다"});
    return;
  }
  const std::string licence = licence_in(base);
  if (licence.empty())
    list.open("base_model",
              {base + " is there, but no licence file lies in it", base + "이(가) 있지만 라이선스 파일이 없습니다"});
  else
    list.pass("base_model", {base + ", with " + licence + " to read", base + ", 읽을 라이선스: " + licence});
}

void check_settings(const recipe::TrainConfig& config, Checklist& list) {
  std::vector<std::string> odd;
  const auto range = [&odd](const std::string& name, double value, double low, double high) {
    if (value < low || value > high) odd.push_back(name + format(" %g (%g … %g)", value, low, high));
  };
  const bool lora = config.method == "lora", pairs = config.objective == "dpo" || config.objective == "ipo";
  // Preferences are learned far more slowly than answers: 5e-7 in the lectures' own example.
  range("training.learning_rate", config.training.learning_rate, pairs ? 1e-7 : 1e-5, lora ? 5e-4 : 5e-5);
  if (config.training.max_steps < 0) range("training.num_train_epochs", config.training.num_train_epochs, 1, 5);
  if (lora) range("lora.r", static_cast<double>(config.lora.r), 4, 64);
  if (odd.empty())
    list.pass("settings", {"learning rate, epochs and rank lie in the usual ranges",
                           "학습률, 에포크, 랭크가 통상 범위에 있습니다"});
  else
    list.fail("settings", {"outside of the usual range: " + join(odd, ", "), "통상 범위 밖: " + join(odd, ", ")});
}

void check_split(const recipe::TrainConfig& config, Checklist& list) {
  if (const double* share = std::get_if<double>(&config.data.validation)) {
    const std::string shown = format("%.0f%%", 100 * *share);
    list.judge("split", *share >= 0.05 && *share <= 0.3,
               {shown + " of the data validate", "데이터의 " + shown + "로 검증합니다"});
  } else if (const auto* file = std::get_if<std::string>(&config.data.validation)) {
    std::error_code ignored;
    const bool there = fs::exists(*file, ignored);
    list.judge(
        "split", there,
        {*file + (there ? " validates" : " is not there"), *file + (there ? "로 검증합니다" : "이(가) 없습니다")});
  } else {
    list.fail("split", {"data.validation is not set", "data.validation이 없습니다"});
  }
}

}  // namespace

void check_config(const std::string& file, Checklist& list, DataFactsOptions& data) {
  const recipe::TrainConfig config = recipe::read_train_config(file);
  std::error_code ignored;
  if (data.file.empty() && !config.data.train.empty() && fs::exists(config.data.train[0], ignored))
    data.file = config.data.train[0];
  const fs::path tokenizer = config.model.tokenizer.empty() ? config.model.name_or_path : config.model.tokenizer;
  if (data.tokenizer.empty() && (fs::exists(tokenizer / "tokenizer.json", ignored)))
    data.tokenizer = tokenizer.string();
  check_base(config, list);
  check_settings(config, list);
  check_split(config, list);
  const bool tracked = !config.tracking.empty();
  list.judge("tracking", tracked,
             {tracked ? "tracking: " + join(config.tracking, ", ") : "tracking is empty",
              tracked ? "tracking: " + join(config.tracking, ", ") : "tracking이 비어 있습니다"});
  const std::string strategy = config.resolved_eval_strategy();
  list.judge("evaluation_plan", strategy != "no", {"eval_strategy: " + strategy, "eval_strategy: " + strategy});
  const bool saves = config.training.save_strategy != "no";
  list.judge("checkpoints", saves,
             {"save_strategy: " + config.training.save_strategy, "save_strategy: " + config.training.save_strategy});
}

void check_data(const DataFactsOptions& data, Checklist& list) {
  const DataFacts facts = collect_data_facts(data);
  const data::FileReport& report = facts.report;
  list.judge("enough_examples", report.ok >= 100,
             {count(report.ok) + " good examples", "올바른 예시 " + count(report.ok) + "개"});
  list.judge("format_valid", !report.has_error(),
             {count(report.ok) + " of " + count(report.rows) + " rows are good (" + report.format + ")",
              count(report.rows) + "행 가운데 " + count(report.ok) + "행이 올바릅니다(" + report.format + ")"});
  list.judge("no_duplicates", facts.duplicates + facts.contradictions == 0,
             {count(facts.duplicates) + " duplicates, " + count(facts.contradictions) +
                  " other answers to an earlier question",
              "중복 " + count(facts.duplicates) + "행, 같은 질문에 다른 답 " + count(facts.contradictions) + "행"});
  if (facts.personal.empty()) {
    list.open("personal_data",
              {"no e-mail address, telephone, resident or card number found; names and addresses a program of this "
               "kind cannot find",
               "이메일, 전화번호, 주민등록번호, 카드번호는 없습니다. 이름과 주소는 이 검사로 찾지 못합니다"});
  } else {
    std::vector<std::string> kinds;
    for (const auto& [kind, rows] : facts.personal) kinds.push_back(kind + " " + count(rows));
    list.fail("personal_data", {"rows with " + join(kinds, ", "), "들어 있는 행: " + join(kinds, ", ")});
  }
  const std::string tokens = count(facts.tokens);
  std::vector<std::string> costs;
  for (const auto& model : metrics::builtin_prices().models) {
    const Json cost =
        metrics::FineTuningCostCalculator().estimate_counted_training_cost(model.name, report.ok, facts.tokens);
    if (!cost.contains("error"))
      costs.push_back(model.name + format(" $%.2f", cost["training_cost_usd"].get<double>()));
  }
  list.pass("cost_known", {tokens + " tokens an epoch (" + facts.counted_by + "); 3 epochs: " + join(costs, ", "),
                           "에포크당 " + tokens + "토큰(" + facts.counted_by + "), 3에포크: " + join(costs, ", ")});
}

void check_machine(Checklist& list) {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return;
  const double memory = static_cast<double>(info.totalram) * info.mem_unit;
  std::error_code fault;
  const fs::space_info disk = fs::space(".", fault);
  const double room = fault ? 0 : static_cast<double>(disk.available);
  const std::string found = human_bytes(memory) + " / " + human_bytes(room);
  list.judge("machine", memory >= 15.5e9 && room >= 50e9,
             {"memory and free disk here: " + found, "이 장비의 메모리와 남은 디스크: " + found});
}

}  // namespace hone::cli
