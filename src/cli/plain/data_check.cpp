#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/plain/data_common.h"
#include "data/file_check.h"
#include "text/chat_encoding.h"

namespace hone::cli {
namespace {

struct Options {
  std::string file, reject, tokenizer, chat_template;
  data::FileCheckOptions check;
  text::ChatEncodingOptions encoding;
  size_t shown = 10;
  bool json = false;
};

Json to_json(const data::FileReport& report) {
  Json document = {{"rows", report.rows}, {"ok", report.ok}, {"errors", Json::array()}};
  for (const data::Finding& finding : report.findings) document["errors"].push_back(data::to_json(finding));
  return document;
}

std::string summary(const data::FileReport& report) {
  std::string shapes;
  for (const auto& [name, rows] : report.shapes) {
    shapes += (shapes.empty() ? "" : ", ") + name +
              (report.shapes.size() > 1 ? " " + with_commas(static_cast<long long>(rows)) : "");
  }
  return report.file + ": " + with_commas(static_cast<long long>(report.rows)) + " rows (" + report.format +
         (shapes.empty() ? "" : "; " + shapes) + "), " + with_commas(static_cast<long long>(report.ok)) + " ok, " +
         with_commas(static_cast<long long>(report.rows - report.ok)) + " with errors";
}

/// Counts per check, errors first, with the first few lines of each.
std::string count_table(const data::FileReport& report) {
  Table table({"check", "severity", "count", "first lines"});
  for (const data::Severity severity : {data::Severity::kError, data::Severity::kWarning}) {
    for (const data::CheckInfo& check : data::all_checks()) {
      if (check.severity != severity) continue;
      size_t count = 0;
      std::vector<std::string> lines;
      for (const data::Finding& finding : report.findings) {
        if (finding.check != check.check) continue;
        if (++count <= 5 && finding.line > 0) lines.push_back(std::to_string(finding.line));
      }
      if (count == 0) continue;
      table.add({check.name, data::severity_name(severity), with_commas(static_cast<long long>(count)),
                 join(lines, ", ") + (count > lines.size() && !lines.empty() ? ", …" : "")});
    }
  }
  return table.text();
}

void print(const data::FileReport& report, size_t shown) {
  std::printf("%s\n", summary(report).c_str());
  if (report.findings.empty()) return;
  std::printf("\n%s\n", count_table(report).c_str());
  // Errors before warnings: they are what keeps a row out.
  std::vector<const data::Finding*> order;
  for (const data::Finding& finding : report.findings) order.push_back(&finding);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->severity() > b->severity(); });
  for (size_t i = 0; i < order.size() && i < shown; ++i) {
    std::printf("%s: %s\n  fix: %s\n", data::severity_name(order[i]->severity()),
                describe(*order[i], report.file).c_str(), order[i]->fix.c_str());
  }
  if (order.size() > shown) std::printf("… and %zu more (--show N, or --json for all)\n", order.size() - shown);
}

/// Encodes every good row as training would, which proves it against the model's template and tokenizer.
class TokenCheck {
 public:
  explicit TokenCheck(const Options& options)
      : tokenizer_(text::Tokenizer::load(options.tokenizer)),
        encoder_(tokenizer_, options.chat_template.empty() ? "" : text::builtin_chat_template(options.chat_template),
                 text::stop_ids_for(options.tokenizer, tokenizer_), options.encoding),
        max_length_(options.encoding.max_length) {}

  void inspect(const data::Example& example, data::Findings& findings) const {
    try {
      const auto sequences = encoder_.encode_branches(example);
      if (std::none_of(sequences.begin(), sequences.end(), [](const auto& one) { return one.truncated; })) return;
      findings.add(data::Check::truncated, "", format("more than %u tokens", max_length_),
                   "shorten it, or raise --max-tokens and the training's max_length");
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      const size_t turn = error.place().rfind(": turn ");
      findings.add(data::Check::cannot_encode, turn == std::string::npos ? "" : error.place().substr(turn + 2),
                   error.message(), error.remedy());
    }
  }

 private:
  text::Tokenizer tokenizer_;
  text::ChatEncoder encoder_;
  uint32_t max_length_;
};

void run(Options& options) {
  std::optional<TokenCheck> tokens;
  if (!options.tokenizer.empty()) {
    tokens.emplace(options);
    options.check.inspect = [&tokens](const data::Example& example, data::Findings& findings) {
      tokens->inspect(example, findings);
    };
  }
  std::optional<AtomicFile> rejects;
  if (!options.reject.empty()) {
    rejects.emplace(options.reject);
    options.check.on_row = [&rejects](const data::Row& row) {
      if (!row.ok()) rejects->write(reject_line(row));
    };
  }
  const data::FileReport report = data::check_file(options.file, options.check);
  if (rejects) rejects->commit();
  if (options.json)
    std::printf("%s\n", to_line(to_json(report)).c_str());
  else
    print(report, options.shown);
  if (report.has_error()) set_exit_code(2);
}

}  // namespace

void set_up_data_check(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_load_options(app, options->file, options->check.load);
  app.add_option("--min-rows", options->check.min_rows, "Warn about a file of fewer rows")->capture_default_str();
  app.add_option("--reject", options->reject, "Write the rows with errors, and why, to this JSONL file");
  app.add_option("--tokenizer", options->tokenizer, "Also encode every row with this model's template and tokenizer");
  app.add_option("--template", options->chat_template, "A built-in chat template in place of the model's own");
  app.add_option("--max-tokens", options->encoding.max_length, "With --tokenizer: warn about longer rows")
      ->capture_default_str();
  app.add_option("--show", options->shown, "Findings printed in full")->capture_default_str();
  app.add_flag("--json", options->json,
               "Print {rows, ok, errors: [{line, byte, path, check, severity, message, fix}]}");
  app.footer(
      "Exit code 2 when a row has an error; warnings alone leave it 0.\nExample: hone data check train.jsonl --reject "
      "rejected.jsonl");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
