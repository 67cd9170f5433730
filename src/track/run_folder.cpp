#include "track/run_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/config/yaml.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "track/metrics_log.h"

namespace hone::track {
namespace fs = std::filesystem;
namespace {

std::string one_line(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kScalar: return node.text;
    case YamlNode::Kind::kNull: return "null";
    case YamlNode::Kind::kList: {
      std::vector<std::string> items;
      for (const YamlNode& item : node.items) items.push_back(one_line(item));
      return "[" + join(items, ", ") + "]";
    }
    case YamlNode::Kind::kMap: {
      std::vector<std::string> items;
      for (const YamlEntry& entry : node.entries) items.push_back(entry.key.text + ": " + one_line(entry.value));
      return "{" + join(items, ", ") + "}";
    }
  }
  return "";
}

/// Two levels: sections and their settings. What lies deeper is one setting's value.
std::vector<std::pair<std::string, std::string>> flat(const YamlNode& document) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const YamlEntry& entry : document.entries) {
    if (entry.value.kind != YamlNode::Kind::kMap || entry.value.entries.empty()) {
      settings.emplace_back(entry.key.text, one_line(entry.value));
      continue;
    }
    for (const YamlEntry& inner : entry.value.entries)
      settings.emplace_back(entry.key.text + "." + inner.key.text, one_line(inner.value));
  }
  return settings;
}

using Figures = std::vector<std::pair<std::string, double>>;

void set(Figures& figures, const std::string& name, double value) {
  const auto found = std::find_if(figures.begin(), figures.end(), [&](const auto& f) { return f.first == name; });
  if (found == figures.end())
    figures.emplace_back(name, value);
  else
    found->second = value;
}

/// What a run that has not ended has come to.
Figures from_metrics(const std::vector<MetricsRow>& rows) {
  Figures figures;
  for (const MetricsRow& row : rows) {
    set(figures, "steps", static_cast<double>(row.step));
    for (const auto& [name, value] : row.scalars) {
      if (name == "epoch") set(figures, "epochs", value);
      if (name == "loss") set(figures, "train_loss", value);
      if (name == "eval_loss") set(figures, "last_eval_loss", value);
      if (name == "tokens" || name == "tokens_per_second" || name == "peak_memory_bytes") set(figures, name, value);
    }
  }
  return figures;
}

Figures from_summary(const Json& summary) {
  Figures figures;
  for (const auto& [name, value] : summary.items()) {
    if (value.is_number()) figures.emplace_back(name, value.get<double>());
  }
  return figures;
}

}  // namespace

std::string RunFolder::setting(const std::string& wanted) const {
  for (const auto& [known, value] : settings) {
    if (known == wanted) return value;
  }
  return "";
}

std::optional<double> RunFolder::figure(const std::string& wanted) const {
  for (const auto& [known, value] : figures) {
    if (known == wanted) return value;
  }
  return std::nullopt;
}

bool is_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "config.yaml", ignored) && fs::exists(folder / "run.json", ignored);
}

RunFolder read_run(const fs::path& folder) {
  require_exists(folder, "run folder");
  if (!is_run(folder)) {
    fail_input(folder.string(), "is no folder of a run: it lacks config.yaml or run.json",
               "name the training.output_dir of a run; `hone runs list DIR` shows those in a folder");
  }
  RunFolder run{.path = folder};
  const fs::path normal = fs::absolute(folder).lexically_normal();
  run.name = (normal.has_filename() ? normal.filename() : normal.parent_path().filename()).string();
  const fs::path config = folder / "config.yaml";
  run.settings = flat(parse_yaml(read_file(config), config.string()));
  std::vector<MetricsRow> rows;
  if (fs::exists(folder / "metrics.jsonl")) rows = read_metrics(folder / "metrics.jsonl").rows;
  if (!rows.empty()) run.started = rows.front().wall_time;
  run.finished = fs::exists(folder / "summary.json");
  run.figures = run.finished ? from_summary(read_json(folder / "summary.json")) : from_metrics(rows);
  return run;
}

std::vector<RunFolder> find_runs(const fs::path& folder, std::vector<std::string>& broken) {
  require_exists(folder, "folder of runs");
  std::vector<fs::path> folders;
  if (is_run(folder)) folders.push_back(folder);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && is_run(entry.path())) folders.push_back(entry.path());
    if (!entry.is_directory(ignored) || is_run(entry.path())) continue;
    for (const auto& inner : fs::directory_iterator(entry.path(), ignored)) {
      if (inner.is_directory(ignored) && is_run(inner.path())) folders.push_back(inner.path());
    }
  }
  std::vector<RunFolder> runs;
  for (const fs::path& path : folders) {
    try {
      runs.push_back(read_run(path));
    } catch (const Error& error) {
      broken.emplace_back(error.what());
    }
  }
  std::sort(runs.begin(), runs.end(), [](const RunFolder& a, const RunFolder& b) {
    return a.started != b.started ? a.started < b.started : a.path < b.path;
  });
  return runs;
}

}  // namespace hone::track
