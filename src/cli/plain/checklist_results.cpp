// The checklist once something was trained: the run's folder and the reports of comparisons.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/plain/checklist.h"
#include "track/metrics_log.h"
#include "track/run_folder.h"

namespace hone::cli {
namespace fs = std::filesystem;
namespace {

std::vector<double> series(const track::MetricsLog& log, const std::string& wanted) {
  std::vector<double> values;
  for (const track::MetricsRow& row : log.rows) {
    for (const auto& [name, value] : row.scalars) {
      if (name == wanted && std::isfinite(value)) values.push_back(value);
    }
  }
  return values;
}

std::string course(const std::vector<double>& values) {
  return format("%.4g → %.4g", values.front(), values.back());
}

void check_losses(const track::MetricsLog& log, Checklist& list) {
  const auto train = series(log, "loss"), validation = series(log, "eval_loss");
  if (train.size() < 2) {
    list.open("losses", {"metrics.jsonl has fewer than two losses yet", "metrics.jsonl에 손실이 두 번도 없습니다"});
  } else {
    const bool falls =
        train.back() < train.front() && (validation.size() < 2 || validation.back() < validation.front());
    const std::string found = course(train) + (validation.empty() ? "" : ", " + course(validation));
    list.judge("losses", falls,
               {"training" + std::string(validation.empty() ? "" : ", validation") + ": " + found,
                "학습" + std::string(validation.empty() ? "" : ", 검증") + ": " + found});
  }
  if (validation.size() < 2) {
    list.open("overfitting", {"fewer than two evaluations", "평가가 두 번 미만입니다"});
    return;
  }
  const auto best = std::min_element(validation.begin(), validation.end());
  // A last value within a percent of the best is noise.
  const bool rises = validation.back() > *best * 1.01;
  const std::string found = format("%.4g, %.4g", *best, validation.back());
  list.judge("overfitting", !rises,
             {"best and last validation loss: " + found, "가장 낮은 검증 손실과 마지막: " + found});
}

size_t checkpoints_in(const fs::path& folder) {
  size_t count = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    count += starts_with(entry.path().filename().string(), "checkpoint-");
  return count;
}

void check_way_back(const track::RunFolder& run, Checklist& list) {
  std::error_code ignored;
  const std::string base = run.setting("model.name_or_path");
  const bool adapter = fs::exists(run.path / "adapter_config.json", ignored), there = fs::exists(base, ignored);
  if (!adapter && !there)
    list.fail("rollback", {"the base model " + base + " is gone", "기반 모델 " + base + "이(가) 없습니다"});
  else
    list.judge("rollback", there,
               {there ? "the base model " + base + " is untouched" + (adapter ? "; the adapter can be left away" : "")
                      : base + " is gone",
                there ? "기반 모델 " + base + "이(가) 그대로 있습니다" + (adapter ? ". 어댑터만 빼면 됩니다" : "")
                      : base + "이(가) 없습니다"});
}

/// Metrics that became worse, surely, between the first and the last model of a report.
std::vector<std::string> worse_metrics(const Json& report) {
  std::vector<std::string> worse;
  for (const auto& [name, figures] : report["metrics"].items()) {
    if (!figures.is_object()) continue;
    const auto change = figures.find("improvement_percent"), p = figures.find("p_value");
    const bool sure = p != figures.end() && p->is_number() && p->get<double>() < 0.05;
    if (sure && change != figures.end() && change->is_number() && change->get<double>() < 0)
      worse.push_back(name + format(" %.1f%%", change->get<double>()));
  }
  return worse;
}

Json read_report(const std::string& path) {
  Json report = read_json(path);
  const bool good = report.is_object() && report.contains("models") && report["models"].is_array() &&
                    report.contains("metrics") && report["metrics"].is_object();
  if (!good) fail_input(path, "is no report of a comparison", "hone compare … --output FILE.json writes one");
  return report;
}

}  // namespace

void check_run(const std::string& folder, Checklist& list) {
  const track::RunFolder run = track::read_run(folder);
  std::error_code ignored;
  if (fs::exists(run.path / "metrics.jsonl", ignored))
    check_losses(track::read_metrics(run.path / "metrics.jsonl"), list);
  const size_t saved = checkpoints_in(run.path);
  list.judge(
      "checkpoints", saved > 0,
      {format("%zu checkpoints in %s", saved, folder.c_str()), format("%s에 체크포인트 %zu개", folder.c_str(), saved)});
  if (const auto loss = run.figure("test_loss"))
    list.pass("test_set", {format("test loss %.4g", *loss), format("테스트 손실 %.4g", *loss)});
  else
    list.fail("test_set", {"the run has no test_loss", "test_loss가 없습니다"});
  check_way_back(run, list);
  list.pass("versions", {"config.yaml and the fingerprint of the data lie in " + folder,
                         folder + "에 config.yaml과 데이터 지문이 있습니다"});
}

void check_reports(const ChecklistFiles& files, Checklist& list) {
  if (!files.report.empty()) {
    const Json report = read_report(files.report);
    const size_t models = report["models"].size();
    const auto worse = worse_metrics(report);
    const std::string names = format("%zu", models), bad = join(worse, ", ");
    list.judge("compared", models >= 2 && worse.empty(),
               {names + " models compared" + (worse.empty() ? ", no metric surely worse" : "; worse: " + bad),
                "모델 " + names + "개 비교" + (worse.empty() ? ", 확실히 나빠진 지표 없음" : ", 나빠짐: " + bad)});
    list.pass("test_set", {"figures in " + files.report, files.report + "에 수치가 있습니다"});
  }
  if (!files.general_report.empty()) {
    const auto worse = worse_metrics(read_report(files.general_report));
    const std::string bad = join(worse, ", ");
    list.judge("forgetting", worse.empty(),
               {worse.empty() ? "no metric on general questions is surely worse" : "forgotten: " + bad,
                worse.empty() ? "일반 질문에서 확실히 나빠진 지표가 없습니다" : "잊음: " + bad});
  }
}

}  // namespace hone::cli
