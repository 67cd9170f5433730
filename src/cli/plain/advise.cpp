// hone advise: which way suits a task, and the checklists of a project.
#include "cli/plain/advise.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/config/values.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/plain/checklist.h"

namespace hone::cli {
namespace {

struct Options {
  std::string what = "approach", parameters, memory, language;
  std::vector<std::string> answers = std::vector<std::string>(questions().size());
  Situation situation;
  ChecklistFiles files;
  bool json = false;
};

/// "yes", "no", and as Korean says them.
std::optional<bool> answer_of(const std::string& text) {
  for (const char* word : {"예", "네", "응", "y"}) {
    if (text == word) return true;
  }
  for (const char* word : {"아니오", "아니요", "n"}) {
    if (text == word) return false;
  }
  return parse_bool(text);
}

void ask(Situation& situation, const Question& question, Language language) {
  for (;;) {
    std::printf("%s %s ", question.text.in(language).c_str(),
                language == Language::kKorean ? "[예/아니오]" : "[yes/no]");
    std::fflush(stdout);
    std::string line;
    if (!std::getline(std::cin, line)) return;
    if (trim(line).empty()) return;
    situation.answers.*question.answer = answer_of(std::string(trim(line)));
    if ((situation.answers.*question.answer).has_value()) return;
  }
}

void read_answers(Options& options, Language language) {
  // Nothing said on the command line, and somebody there: ask.
  bool said = false;
  for (size_t i = 0; i < questions().size(); ++i) {
    const std::string& text = options.answers[i];
    if (text.empty()) continue;
    said = true;
    const auto answer = answer_of(text);
    const std::string option = std::string("--") + questions()[i].option;
    if (!answer) fail_input(option, "\"" + excerpt(text, 40) + "\" is neither yes nor no", "write yes or no");
    options.situation.answers.*questions()[i].answer = answer;
  }
  if (said || options.json || ::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return;
  for (const Question& question : questions()) ask(options.situation, question, language);
}

void read_situation(Options& options) {
  Situation& situation = options.situation;
  if (!options.parameters.empty()) situation.parameters = parse_amount(options.parameters, "--parameters");
  if (!options.memory.empty()) {
    situation.memory_bytes = parse_amount(options.memory, "--memory");
    if (situation.memory_bytes < 1e6) situation.memory_bytes *= 1e9;  // "16" is meant in gigabytes
  } else if (struct sysinfo info{}; ::sysinfo(&info) == 0) {
    situation.memory_bytes = static_cast<double>(info.totalram) * info.mem_unit;
    situation.memory_is_this_machine = true;
  }
  if (!options.files.data.file.empty()) {
    situation.data = collect_data_facts(options.files.data);
    situation.examples = situation.data->report.ok;
  }
}

void run(Options& options) {
  const Language language = language_called(options.language, "--lang");
  if (options.what == "checklist") {
    const Checklist list = run_checklist(options.files);
    std::fputs((options.json ? to_line(to_json(list, language)) + "\n" : to_text(list, language)).c_str(), stdout);
    return;
  }
  read_situation(options);
  read_answers(options, language);
  const Advice advice = advise(options.situation);
  const std::string text = options.json ? to_line(to_json(options.situation, advice, language)) + "\n"
                                        : to_text(options.situation, advice, language);
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void set_up_advise(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("WHAT", options->what, "approach, or checklist: the lectures' checklists against your files")
      ->check(CLI::IsMember({"approach", "checklist"}))
      ->capture_default_str();
  for (size_t i = 0; i < questions().size(); ++i)
    app.add_option(std::string("--") + questions()[i].option, options->answers[i],
                   questions()[i].text.english + " yes or no");
  app.add_option("--examples", options->situation.examples, "How many examples there are, in place of --data");
  add_data_facts_options(app, options->files.data);
  app.add_option("--parameters", options->parameters, "Size of the model, e.g. 8B");
  app.add_option("--memory", options->memory, "Of the GPU or machine that trains, e.g. 24GB; default: this machine's");
  app.add_option("--config", options->files.config, "checklist: a training configuration");
  app.add_option("--run", options->files.run, "checklist: the folder of a run");
  app.add_option("--report", options->files.report, "checklist: what `hone compare --output` wrote, on test data");
  app.add_option("--general-report", options->files.general_report, "checklist: the same on general questions");
  app.add_option("--lang", options->language, "en or ko; default: LANG");
  app.add_flag("--json", options->json, "Print one JSON document");
  app.footer(
      "Without answers, and on a terminal, it asks.\nExample: hone advise --updates-often no --style yes --data "
      "train.jsonl");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
