// The lectures' checklists, run against a project's files.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "base/language.h"
#include "cli/plain/data_facts.h"

namespace hone::cli {

enum class ItemState {
  kPass,
  kFail,
  kOpen,  ///< no program can say, or the file that would tell was not given
};

struct ChecklistItem {
  const char* stage;
  const char* id;
  Text title, remedy;
  ItemState state = ItemState::kOpen;
  Text found;
};

/// Each "" where it is not given. A run brings its own configuration, a configuration its training data.
struct ChecklistFiles {
  std::string config, run, report, general_report;
  DataFactsOptions data;
};

class Checklist {
 public:
  Checklist();
  void pass(const std::string& id, Text found) { set(id, ItemState::kPass, std::move(found)); }
  void fail(const std::string& id, Text found) { set(id, ItemState::kFail, std::move(found)); }
  void open(const std::string& id, Text found) { set(id, ItemState::kOpen, std::move(found)); }
  /// pass or fail
  void judge(const std::string& id, bool good, Text found) {
    good ? pass(id, std::move(found)) : fail(id, std::move(found));
  }
  const std::vector<ChecklistItem>& items() const { return items_; }
  size_t count(ItemState state) const;

 private:
  void set(const std::string& id, ItemState state, Text found);
  std::vector<ChecklistItem> items_;
};

Checklist run_checklist(const ChecklistFiles& files);

// What checks which stage. A configuration also tells where the data are, unless `data` names them already.
void check_config(const std::string& file, Checklist& list, DataFactsOptions& data);
void check_data(const DataFactsOptions& data, Checklist& list);
void check_machine(Checklist& list);
void check_run(const std::string& run, Checklist& list);
void check_reports(const ChecklistFiles& files, Checklist& list);

/// {"pass", "fail", "open", "items": [{"stage", "id", "title", "state", "found", "remedy"}]}
Json to_json(const Checklist& list, Language language);
std::string to_text(const Checklist& list, Language language);

}  // namespace hone::cli
