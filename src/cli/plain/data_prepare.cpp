#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/plain/data_common.h"
#include "data/file_check.h"
#include "data/messages_writer.h"

namespace hone::cli {
namespace {

struct Options {
  std::string file, output;
  data::LoadOptions load;
  bool drop_duplicates = false, json = false;
};

/// OUT.jsonl -> OUT.rejected.jsonl
std::string beside(const std::string& output, const std::string& word) {
  const std::filesystem::path path(output);
  return (path.parent_path() / (path.stem().string() + "." + word + path.extension().string())).string();
}

std::vector<std::string> check_names(const data::Row& row) {
  std::set<std::string> names;
  for (const data::Finding& finding : row.findings.all()) names.insert(info(finding.check).name);
  return {names.begin(), names.end()};
}

bool is_duplicate(const data::Row& row) {
  for (const data::Finding& finding : row.findings.all()) {
    if (finding.check == data::Check::duplicate_row) return true;
  }
  return false;
}

/// The three files; every row of the input goes to exactly one of output and rejects, and has exactly one
/// line in the account.
class Writer {
 public:
  explicit Writer(const Options& options)
      : options_(options),
        output_(options.output),
        rejects_(beside(options.output, "rejected")),
        account_(beside(options.output, "account")) {}

  void take(const data::Row& row) {
    const char* result = !row.ok() ? "rejected" : options_.drop_duplicates && is_duplicate(row) ? "duplicate" : "kept";
    Json entry = {{"line", row.example.origin.line}, {"byte", row.example.origin.byte}, {"result", result}};
    if (row.ok() && *result == 'k') {
      output_.write(data::to_messages_line(row.example) + "\n");
      entry["output_line"] = ++kept_;
    } else {
      rejects_.write(reject_line(row));
    }
    entry["shape"] = row.shape;
    entry["checks"] = check_names(row);
    account_.write(to_line(entry) + "\n");
    ++counts_[result];
  }

  void commit() {
    output_.commit();
    rejects_.commit();
    account_.commit();
  }
  uint64_t count(const std::string& result) const { return counts_.contains(result) ? counts_.at(result) : 0; }

 private:
  const Options& options_;
  AtomicFile output_, rejects_, account_;
  uint64_t kept_ = 0;
  std::map<std::string, uint64_t> counts_;
};

void run(const Options& options) {
  Writer writer(options);
  data::FileCheckOptions check;
  check.load = options.load;
  check.on_row = [&writer](const data::Row& row) { writer.take(row); };
  const data::FileReport report = data::check_file(options.file, check);
  writer.commit();
  const Json summary = {{"rows", report.rows},
                        {"kept", writer.count("kept")},
                        {"duplicates", writer.count("duplicate")},
                        {"rejected", writer.count("rejected")},
                        {"output", options.output},
                        {"rejects", beside(options.output, "rejected")},
                        {"account", beside(options.output, "account")}};
  if (options.json) {
    std::printf("%s\n", to_line(summary).c_str());
  } else {
    std::printf("%s: %llu rows: %llu kept in %s, %llu duplicates and %llu rejected in %s\nwhy, row by row: %s\n",
                report.file.c_str(), static_cast<unsigned long long>(report.rows),
                static_cast<unsigned long long>(writer.count("kept")), options.output.c_str(),
                static_cast<unsigned long long>(writer.count("duplicate")),
                static_cast<unsigned long long>(writer.count("rejected")), beside(options.output, "rejected").c_str(),
                beside(options.output, "account").c_str());
  }
  if (writer.count("kept") == 0) fail_input(report.file, "no row could be kept", "hone data check FILE shows why");
}

}  // namespace

void set_up_data_prepare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_load_options(app, options->file, options->load);
  app.add_option("--output", options->output, "The messages JSONL to write")->required();
  app.add_flag("--drop-duplicates", options->drop_duplicates, "Keep only the first of equal rows");
  app.add_flag("--json", options->json, "Print the counts as JSON");
  app.footer(
      "Writes OUT.jsonl, OUT.rejected.jsonl (rows left out, with their faults) and OUT.account.jsonl (one line for\n"
      "every row of the input: kept and where, duplicate, or rejected and why).");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
