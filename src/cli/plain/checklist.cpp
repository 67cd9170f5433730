#include "cli/plain/checklist.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "base/terminal.h"

namespace hone::cli {
namespace {

const Text kNoProgram = {"a program cannot check this", "프로그램이 확인할 수 없습니다"};

Text stage_title(const std::string& stage) {
  if (stage == "data") return {"1. data", "1. 데이터 준비"};
  if (stage == "before") return {"2. before training", "2. 학습 전"};
  if (stage == "training") return {"3. while training", "3. 학습 중 모니터링"};
  if (stage == "after") return {"4. after training", "4. 학습 후 평가"};
  return {"5. in service", "5. 배포"};
}

const char* state_name(ItemState state) {
  constexpr const char* kNames[] = {"pass", "fail", "open"};
  return kNames[static_cast<int>(state)];
}

}  // namespace

Checklist::Checklist() {
#define ITEM(stage, id, english, korean, remedy, remedy_korean) \
  items_.push_back({#stage, #id, {english, korean}, {remedy, remedy_korean}, ItemState::kOpen, kNoProgram});
#include "cli/plain/checklist.def"
#undef ITEM
}

void Checklist::set(const std::string& id, ItemState state, Text found) {
  for (ChecklistItem& item : items_) {
    if (item.id != id) continue;
    item.state = state;
    item.found = std::move(found);
    return;
  }
  std::abort();  // a name that checklist.def does not have
}

size_t Checklist::count(ItemState state) const {
  size_t count = 0;
  for (const ChecklistItem& item : items_) count += item.state == state;
  return count;
}

Checklist run_checklist(const ChecklistFiles& files) {
  Checklist list;
  DataFactsOptions data = files.data;
  const std::string config = !files.config.empty() || files.run.empty() ? files.config : files.run + "/config.yaml";
  const auto without = [&](const char* option, std::initializer_list<const char*> ids) {
    for (const char* id : ids)
      list.open(id, {std::string("not looked at: give ") + option, std::string(option) + "을 주면 확인합니다"});
  };
  if (config.empty())
    without("--config CONFIG.yaml", {"split", "base_model", "settings", "tracking", "evaluation_plan", "checkpoints"});
  else
    check_config(config, list, data);
  if (data.file.empty())
    without("--data FILE", {"enough_examples", "format_valid", "no_duplicates", "personal_data", "cost_known"});
  else
    check_data(data, list);
  check_machine(list);
  if (files.run.empty())
    without("--run DIR", {"losses", "overfitting", "test_set", "rollback", "versions"});
  else
    check_run(files.run, list);
  if (files.report.empty()) without("--report FILE", {"compared"});
  if (files.general_report.empty()) without("--general-report FILE", {"forgetting"});
  check_reports(files, list);
  return list;
}

Json to_json(const Checklist& list, Language language) {
  Json json = {{"pass", list.count(ItemState::kPass)},
               {"fail", list.count(ItemState::kFail)},
               {"open", list.count(ItemState::kOpen)},
               {"items", Json::array()}};
  for (const ChecklistItem& item : list.items()) {
    json["items"].push_back({{"stage", item.stage},
                             {"id", item.id},
                             {"title", item.title.in(language)},
                             {"state", state_name(item.state)},
                             {"found", item.found.in(language)},
                             {"remedy", item.remedy.in(language)}});
  }
  return json;
}

std::string to_text(const Checklist& list, Language language) {
  const bool korean = language == Language::kKorean, colour = output_is_live();
  std::string text, stage;
  for (const ChecklistItem& item : list.items()) {
    if (stage != item.stage) text += (stage.empty() ? "" : "\n") + stage_title(item.stage).in(language) + "\n";
    stage = item.stage;
    const char* marks[] = {"✓", "✗", "?"};
    const char* colours[] = {"\033[32m", "\033[31m", "\033[33m"};
    const auto index = static_cast<size_t>(item.state);
    text += std::string("  ") + (colour ? colours[index] : "") + marks[index] + (colour ? "\033[0m " : " ") +
            item.title.in(language) + ": " + item.found.in(language) + "\n";
    if (item.state != ItemState::kPass) text += "      " + item.remedy.in(language) + "\n";
  }
  return text + "\n" +
         format(korean ? "✓ 확인됨 %zu, ✗ 안 됨 %zu, ? 프로그램이 확인하지 못함 %zu\n"
                       : "✓ done %zu, ✗ not done %zu, ? not checked by a program %zu\n",
                list.count(ItemState::kPass), list.count(ItemState::kFail), list.count(ItemState::kOpen));
}

}  // namespace hone::cli
