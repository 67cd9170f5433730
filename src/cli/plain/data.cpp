// hone data …: everything that happens to examples before a model sees them.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/plain/data_common.h"

namespace hone::cli {

#define DATA_COMMAND(name, summary) void set_up_data_##name(CLI::App&);
#include "cli/plain/data_commands.def"
#undef DATA_COMMAND

void set_up_data(CLI::App& app) {
  app.require_subcommand(1);
#define DATA_COMMAND(name, summary) set_up_data_##name(*app.add_subcommand(#name, summary));
#include "cli/plain/data_commands.def"
#undef DATA_COMMAND
}

void add_load_options(CLI::App& app, std::string& file, data::LoadOptions& options) {
  app.add_option("FILE", file, "JSONL, JSON, CSV, TSV or text; - is standard input")->required();
  app.add_option("--format", options.format, "File format (jsonl, json, csv, tsv, text); default: by name and content");
  app.add_option("--shape", options.shape,
                 "Record shape (messages, sharegpt, alpaca, prompt_completion, qa, text); default: row by row");
  app.add_option("--min-length", options.limits.min_length, "Warn about texts of at most this many characters")
      ->capture_default_str();
  app.add_option("--max-length", options.limits.max_length, "Warn about texts of at least this many characters")
      ->capture_default_str();
}

std::string reject_line(const data::Row& row) {
  Json line = {{"line", row.example.origin.line}, {"byte", row.example.origin.byte}, {"errors", Json::array()}};
  for (const data::Finding& finding : row.findings.all()) line["errors"].push_back(to_json(finding));
  std::string text = to_line(line);
  text.pop_back();
  if (row.value.exists()) return text + ",\"record\":" + row.value.json() + "}\n";
  return text + ",\"raw\":" + to_line(Json(std::string(row.raw))) + "}\n";
}

}  // namespace hone::cli
