#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/plain/data_common.h"
#include "data/content_key.h"
#include "data/split.h"

namespace hone::cli {
namespace {

struct Options {
  std::string file, output, stratify, group;
  data::LoadOptions load;
  data::SplitOptions split;
  bool skip_bad = false, json = false;
};

/// The row's value at "label" or "meta.label", as text.
std::string field_text(const data::Row& row, const std::string& field, const std::string& option) {
  if (field.empty()) return {};
  data::Value value = row.value;
  for (const std::string& name : split(field, '.')) value = value.member(name);
  if (!value.exists()) {
    fail_input(row.example.origin.file + ":" + std::to_string(row.example.origin.line), "no field \"" + field + "\"",
               "every row needs it for " + option);
  }
  return value.is_string() ? std::string(value.string()) : value.json();
}

/// Calls `use` with every good row. A bad one is an error, or skipped where that was asked for.
template <typename Use>
void each_row(const Options& options, const Use& use) {
  data::ExampleReader reader(options.file, options.load);
  data::Row row;
  while (reader.next(row)) {
    if (row.ok()) {
      use(row);
    } else if (!options.skip_bad) {
      const data::Finding& fault = row.findings.first_error();
      fail_input(place(fault, reader.name()), fault.message, fault.fix + ", or leave such rows out with --skip-bad");
    }
  }
}

void run(const Options& options) {
  if (options.file == "-") fail_input("hone data split", "standard input cannot be read twice", "give a file");
  std::vector<data::SplitKey> keys;
  each_row(options, [&](const data::Row& row) {
    keys.push_back({prompt_key(row.example), answer_key(row.example), field_text(row, options.group, "--group"),
                    field_text(row, options.stratify, "--stratify")});
  });
  const data::Split parts = data::split_rows(keys, options.split);

  std::vector<uint8_t> part_of(keys.size(), 0);
  for (const uint32_t i : parts.validation) part_of[i] = 1;
  for (const uint32_t i : parts.test) part_of[i] = 2;
  const std::string names[] = {"train", "validation", "test"};
  const size_t counts[] = {parts.train.size(), parts.validation.size(), parts.test.size()};
  std::filesystem::create_directories(options.output);
  std::vector<std::unique_ptr<AtomicFile>> files(3);
  Json summary = {{"rows", keys.size()}, {"seed", options.split.seed}};
  for (size_t part = 0; part < 3; ++part) {
    if (counts[part] == 0) continue;
    const std::string path = (std::filesystem::path(options.output) / (names[part] + ".jsonl")).string();
    files[part] = std::make_unique<AtomicFile>(path);
    summary[names[part]] = {{"rows", counts[part]}, {"file", path}};
  }
  size_t index = 0;
  each_row(options, [&](const data::Row& row) { files[part_of.at(index++)]->write(row.value.json() + "\n"); });
  for (const auto& file : files) {
    if (file) file->commit();
  }
  if (options.json) {
    std::printf("%s\n", to_line(summary).c_str());
    return;
  }
  for (const std::string& name : names) {
    if (summary.contains(name)) {
      std::printf("%-10s %8zu rows  %s\n", name.c_str(), summary[name]["rows"].get<size_t>(),
                  summary[name]["file"].get<std::string>().c_str());
    }
  }
}

}  // namespace

void set_up_data_split(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_load_options(app, options->file, options->load);
  app.add_option("--validation", options->split.validation, "Share of the rows for validation")->capture_default_str();
  app.add_option("--test", options->split.test, "Share of the rows for the test set")->capture_default_str();
  app.add_option("--seed", options->split.seed, "Another seed, another split")->capture_default_str();
  app.add_option("--output", options->output, "Folder for train.jsonl, validation.jsonl, test.jsonl")->required();
  app.add_option("--stratify", options->stratify,
                 "Keep the shares within each value of this field (label, meta.label)");
  app.add_option("--group", options->group, "Never part rows that agree in this field (user, meta.document)");
  app.add_flag("--same-answer", options->split.same_answer, "Never part rows with the same answer either");
  app.add_flag("--skip-bad", options->skip_bad, "Leave rows with errors out instead of refusing the file");
  app.add_flag("--json", options->json, "Print the counts and files as JSON");
  app.footer(
      "Rows whose prompts are equal (after Unicode normalisation, case and white space) always stay together. The\n"
      "split depends on the seed and the rows' content, not on their order in the file.");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
