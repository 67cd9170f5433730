#include "tune/run_data.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "data/loader.h"
#include "data/messages_writer.h"
#include "data/split.h"

namespace hone::tune {
namespace fs = std::filesystem;
namespace {

/// Rows that were left out, one JSON line each with file, line and reason.
class Rejects {
 public:
  explicit Rejects(fs::path path) : path_(std::move(path)) {}
  void add(const std::string& file, uint64_t line, const std::string& reason, const std::string& row) {
    text_ += to_line({{"file", file}, {"line", line}, {"reason", reason}, {"row", row}}) + "\n";
    ++count_;
  }
  int64_t write() const {
    if (count_ > 0) {
      fs::create_directories(path_.parent_path());
      write_file(path_, text_);
    }
    return count_;
  }

 private:
  fs::path path_;
  std::string text_;
  int64_t count_ = 0;
};

std::vector<data::Example> read(const recipe::TrainConfig& config, const std::vector<fs::path>& paths,
                                Rejects& rejects) {
  data::LoadOptions options;
  if (config.data.shape != "auto") options.shape = config.data.shape;
  const auto on_bad = config.data.on_bad_record == "skip" ? data::OnBadRow::kSkip : data::OnBadRow::kError;
  std::vector<data::Example> all;
  for (const fs::path& path : paths) {
    auto examples = data::load_examples({path}, options, on_bad, [&](const data::Row& row) {
      const auto& finding = row.findings.first_error();
      rejects.add(path.string(), finding.line, finding.path + ": " + finding.message, std::string(row.raw));
    });
    std::move(examples.begin(), examples.end(), std::back_inserter(all));
  }
  return all;
}

Examples encode(const std::vector<data::Example>& from, const ObjectiveKind& objective, const RunText& text,
                Rejects& rejects, const std::string& title, bool show_progress) {
  Examples encoded;
  encoded.reserve(from.size() * objective.branches.size());
  std::unique_ptr<Progress> progress;
  if (show_progress) progress = std::make_unique<Progress>(title, static_cast<double>(from.size()), "examples");
  for (size_t i = 0; i < from.size(); ++i) {
    try {
      for (auto& sequence : objective.encode(*text.encoder, from[i])) encoded.push_back(std::move(sequence));
    } catch (const text::RejectedExample& reason) {
      rejects.add(from[i].origin.file, from[i].origin.line, reason.message(), data::to_messages_line(from[i]));
    }
    if (progress && i % 64 == 0) progress->update(static_cast<double>(i));
  }
  if (progress) progress->update(static_cast<double>(from.size()));
  return encoded;
}

text::OnTooLong too_long(const std::string& name) {
  return name == "skip"    ? text::OnTooLong::kSkip
         : name == "error" ? text::OnTooLong::kError
                           : text::OnTooLong::kTruncate;
}

}  // namespace

RunText load_text(const recipe::TrainConfig& config, const ObjectiveKind& objective) {
  RunText run;
  const std::string where = config.model.tokenizer.empty() ? config.model.name_or_path : config.model.tokenizer;
  run.tokenizer_folder = fs::is_directory(where) ? fs::path(where) : fs::path(where).parent_path();
  run.tokenizer = std::make_unique<text::Tokenizer>(text::Tokenizer::load(where));
  if (const std::string& name = config.model.chat_template; !name.empty()) {
    run.chat_template = ends_with(name, ".jinja") ? read_file(name) : text::builtin_chat_template(name);
  } else if (objective.needs_chat_template && !run.tokenizer->chat_template()) {
    fail_input("model.chat_template", where + " has no chat template of its own",
               "name one: model.chat_template: chatml, or a .jinja file");
  }
  text::ChatEncodingOptions options;
  options.max_length = static_cast<uint32_t>(config.data.max_length);
  options.train_on_prompt = config.data.train_on_prompt;
  options.on_too_long = too_long(config.data.on_too_long);
  run.encoder = std::make_unique<text::ChatEncoder>(
      *run.tokenizer, run.chat_template, text::stop_ids_for(config.model.name_or_path, *run.tokenizer), options);
  return run;
}

RunData load_data(const recipe::TrainConfig& config, const ObjectiveKind& objective, const RunText& text,
                  const fs::path& rejected_path, bool show_progress) {
  Rejects rejects(rejected_path);
  std::vector<fs::path> files(config.data.train.begin(), config.data.train.end());
  std::vector<data::Example> train = read(config, files, rejects), validation;
  if (const auto* share = std::get_if<double>(&config.data.validation)) {
    const auto split =
        data::split_examples(train, {.validation = *share, .seed = static_cast<uint64_t>(config.training.seed)});
    std::vector<data::Example> kept;
    for (const uint32_t i : split.train) kept.push_back(std::move(train[i]));
    for (const uint32_t i : split.validation) validation.push_back(std::move(train[i]));
    train = std::move(kept);
  } else if (const auto* file = std::get_if<std::string>(&config.data.validation)) {
    validation = read(config, {*file}, rejects);
  }
  RunData run;
  run.train = encode(train, objective, text, rejects, "tokenising", show_progress);
  run.validation = encode(validation, objective, text, rejects, "tokenising validation", show_progress);
  if (!config.data.test.empty()) {
    run.test =
        encode(read(config, {config.data.test}, rejects), objective, text, rejects, "tokenising test", show_progress);
  }
  if (const auto& c = config.regularization; !c.data.empty()) {
    const std::vector<fs::path> old(c.data.begin(), c.data.end());
    const auto all = read(config, old, rejects);
    std::vector<data::Example> drawn;
    for (const uint32_t i :
         permutation(static_cast<uint32_t>(all.size()), static_cast<uint64_t>(config.training.seed), 0)) {
      if (static_cast<int64_t>(drawn.size()) < c.max_samples) drawn.push_back(all[i]);
    }
    run.kept = encode(drawn, objective, text, rejects, "tokenising regularization.data", show_progress);
  }
  run.rejected = rejects.write();
  if (run.train.empty())
    fail_input("data.train", "no row is left to train on", "see " + rejected_path.string() + " for the reason of each");
  return run;
}

}  // namespace hone::tune
