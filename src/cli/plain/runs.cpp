// hone runs …: the runs of a folder, their figures side by side, and where their settings differ.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "track/run_folder.h"

namespace hone::cli {
namespace {

using track::RunFolder;

struct Options {
  std::string folder = "runs";
  std::vector<std::string> runs;
  bool json = false;
};

std::string time_text(double seconds) {
  if (seconds <= 0) return "";
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::localtime_r(&whole, &parts);
  return format("%04d-%02d-%02d %02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                parts.tm_min);
}

std::string last_part(const std::string& path) {
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  return (normal.has_filename() ? normal.filename() : normal.parent_path().filename()).string();
}

std::string figure_text(const RunFolder& run, const std::string& name) {
  const auto value = run.figure(name);
  if (!value) return "";
  if (name == "seconds") return human_seconds(*value);
  if (ends_with(name, "_bytes")) return human_bytes(*value);
  if (ends_with(name, "loss") || ends_with(name, "metric")) return format("%.4f", *value);
  if (*value == std::floor(*value)) return with_commas(static_cast<long long>(*value));
  return format("%.4g", *value);
}

Json figures_json(const RunFolder& run) {
  Json figures = Json::object();
  for (const auto& [name, value] : run.figures) figures[name] = value;
  return figures;
}

void list(const Options& options) {
  std::vector<std::string> broken;
  const auto runs = track::find_runs(options.folder, broken);
  for (const std::string& fault : broken) warn(fault);
  if (options.json) {
    Json all = Json::array();
    for (const RunFolder& run : runs) {
      all.push_back({{"name", run.name},
                     {"path", run.path.string()},
                     {"started", run.started},
                     {"finished", run.finished},
                     {"method", run.setting("method")},
                     {"objective", run.setting("objective")},
                     {"model", run.setting("model.name_or_path")},
                     {"figures", figures_json(run)}});
    }
    std::printf("%s\n", to_line(all).c_str());
    return;
  }
  Table table({"run", "begun", "method", "base", "steps", "train loss", "eval loss", "best", "time", "state"});
  for (const RunFolder& run : runs) {
    table.add({run.name, time_text(run.started), run.setting("method"), last_part(run.setting("model.name_or_path")),
               figure_text(run, "steps"), figure_text(run, "train_loss"), figure_text(run, "last_eval_loss"),
               figure_text(run, "best_metric"), figure_text(run, "seconds"), run.finished ? "done" : "not done"});
  }
  std::fputs(table.text().c_str(), stdout);
}

std::vector<RunFolder> read_all(const Options& options) {
  if (options.runs.size() < 2) fail_input("hone runs", "needs two runs or more", "name their folders");
  std::vector<RunFolder> runs;
  for (const std::string& folder : options.runs) {
    runs.push_back(track::read_run(folder));
    // Runs of one name are told apart by their paths.
    for (size_t i = 0; i + 1 < runs.size(); ++i) {
      if (runs[i].name == runs.back().name) runs.back().name = folder;
    }
  }
  return runs;
}

/// Names in the order in which the runs first have them.
template <typename Value>
std::vector<std::string> names_of(const std::vector<RunFolder>& runs,
                                  std::vector<std::pair<std::string, Value>> RunFolder::*field) {
  std::vector<std::string> names;
  for (const RunFolder& run : runs) {
    for (const auto& [name, value] : run.*field) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

std::vector<std::string> differing_settings(const std::vector<RunFolder>& runs) {
  std::vector<std::string> names;
  for (const std::string& name : names_of(runs, &RunFolder::settings)) {
    if (name == "training.output_dir" || name == "training.resume_from_checkpoint") continue;
    const bool differs = std::any_of(runs.begin(), runs.end(),
                                     [&](const RunFolder& run) { return run.setting(name) != runs[0].setting(name); });
    if (differs) names.push_back(name);
  }
  return names;
}

Table table_over(const char* corner, const std::vector<RunFolder>& runs, bool change) {
  std::vector<std::string> header = {corner};
  for (const RunFolder& run : runs) header.push_back(run.name);
  if (change) header.emplace_back("change");
  return Table(header);
}

std::string change_text(const RunFolder& from, const RunFolder& to, const std::string& name) {
  const auto before = from.figure(name), after = to.figure(name);
  if (!before || !after || *before == 0 || *before == *after) return "";
  return format("%+.1f%%", 100 * (*after - *before) / std::abs(*before));
}

Json comparison_json(const std::vector<RunFolder>& runs) {
  Json document = {{"runs", Json::array()}, {"differing_settings", Json::object()}};
  for (const RunFolder& run : runs) {
    document["runs"].push_back(
        {{"name", run.name}, {"path", run.path.string()}, {"finished", run.finished}, {"figures", figures_json(run)}});
  }
  for (const std::string& name : differing_settings(runs)) {
    for (const RunFolder& run : runs) document["differing_settings"][name][run.name] = run.setting(name);
  }
  return document;
}

std::string differences(const std::vector<RunFolder>& runs) {
  Table table = table_over("setting", runs, false);
  const auto names = differing_settings(runs);
  if (names.empty()) return "no setting differs\n";
  for (const std::string& name : names) {
    std::vector<std::string> row = {name};
    for (const RunFolder& run : runs) row.push_back(run.setting(name));
    table.add(row);
  }
  return table.text();
}

void compare(const Options& options) {
  const auto runs = read_all(options);
  if (options.json) {
    std::printf("%s\n", to_line(comparison_json(runs)).c_str());
    return;
  }
  const bool pair = runs.size() == 2;
  Table table = table_over("figure", runs, pair);
  for (const std::string& name : names_of(runs, &RunFolder::figures)) {
    std::vector<std::string> row = {name};
    for (const RunFolder& run : runs) row.push_back(figure_text(run, name));
    if (pair) row.push_back(change_text(runs[0], runs[1], name));
    table.add(row);
  }
  std::printf("%s\n%s", table.text().c_str(), differences(runs).c_str());
}

void diff(const Options& options) {
  const auto runs = read_all(options);
  const std::string text =
      options.json ? to_line(comparison_json(runs)["differing_settings"]) + "\n" : differences(runs);
  std::fputs(text.c_str(), stdout);
}

void add_runs(CLI::App& app, Options& options) {
  app.add_option("RUN", options.runs, "Folders of runs, two or more")->required()->type_name("DIR");
  app.add_flag("--json", options.json, "Print one JSON document");
}

}  // namespace

void set_up_runs(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.require_subcommand(1);
  CLI::App& list_command = *app.add_subcommand("list", "The runs in a folder: method, base, losses, time, state");
  list_command.add_option("DIR", options->folder, "Folder with runs in it, or below its folders")
      ->capture_default_str();
  list_command.add_flag("--json", options->json, "Print one JSON document");
  list_command.callback([options] { list(*options); });
  CLI::App& compare_command = *app.add_subcommand("compare", "Figures of runs side by side, and where settings differ");
  add_runs(compare_command, *options);
  compare_command.callback([options] { compare(*options); });
  CLI::App& diff_command = *app.add_subcommand("diff", "The settings in which runs differ");
  add_runs(diff_command, *options);
  diff_command.callback([options] { diff(*options); });
}

}  // namespace hone::cli
