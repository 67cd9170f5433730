// hone compare: two or more models on the same data, before and after a fine-tune for instance.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "cli/engine/evaluation_options.h"
#include "cli/engine/generation_options.h"
#include "evaluate/comparison.h"
#include "exchange/peft.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelChoice shared;  // device, threads, type of the arithmetic
  std::vector<std::string> models;
  GenerationChoice generation;
  EvaluationChoice evaluation;
  std::string output;
  size_t samples = 3;
  bool json = false;
};

struct NamedModel {
  std::string name, model, adapter;
};

std::string last_part(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  return (path.has_filename() ? path.filename() : path.parent_path().filename()).string();
}

/// DIR, DIR+ADAPTER or name=either. A folder whose own name holds "=" or "+" is taken as it is.
NamedModel parse_model(const std::string& spec) {
  NamedModel named;
  std::string rest = spec;
  const size_t equals = spec.find('=');
  if (!fs::exists(spec) && equals != std::string::npos && equals > 0) {
    named.name = spec.substr(0, equals);
    rest = spec.substr(equals + 1);
  }
  named.model = rest;
  for (size_t plus = rest.find('+'); !fs::exists(rest) && plus != std::string::npos; plus = rest.find('+', plus + 1)) {
    if (!fs::exists(rest.substr(0, plus) + "/config.json")) continue;
    named.model = rest.substr(0, plus);
    named.adapter = rest.substr(plus + 1);
    require_exists(named.adapter, "adapter folder");
    break;
  }
  require_exists(named.model, "model folder");
  if (named.name.empty()) named.name = last_part(named.adapter.empty() ? named.model : named.adapter);
  return named;
}

std::vector<NamedModel> parse_models(const std::vector<std::string>& specs) {
  if (specs.size() < 2)
    fail_input("--model", "compare needs two models or more", "give --model twice: --model BASE --model BASE+ADAPTER");
  std::vector<NamedModel> models;
  std::set<std::string> names = {"improvement_percent", "p_value", "difference_interval"};  // keys of the JSON form
  for (const std::string& spec : specs) {
    models.push_back(parse_model(spec));
    if (names.insert(models.back().name).second) continue;
    fail_input("--model", "the name \"" + models.back().name + "\" is taken",
               "give names: --model before=DIR --model after=DIR+ADAPTER");
  }
  return models;
}

/// The text side of each model. One without a chat template borrows the first there is: a base model is to
/// be asked in the form that its fine-tune learnt.
std::vector<generate::ModelText> load_texts(const std::vector<NamedModel>& models, const std::string& chat_template) {
  std::vector<generate::ModelText> texts;
  for (const NamedModel& model : models) texts.emplace_back(model.model, model.adapter, chat_template);
  const auto found =
      std::find_if(texts.begin(), texts.end(), [](const auto& text) { return !text.chat_template().empty(); });
  for (size_t i = 0; i < texts.size() && found != texts.end(); ++i) {
    if (!texts[i].chat_template().empty()) continue;
    say(models[i].name + " has no chat template; it is asked with that of " +
        models[static_cast<size_t>(found - texts.begin())].name);
    texts[i].set_chat_template(found->chat_template());
  }
  return texts;
}

/// Keeps the last base model, so that neighbours that share it load it once.
class BaseCache {
 public:
  explicit BaseCache(const ModelChoice& shared) : shared_(shared) {}
  model::Decoder& load(const NamedModel& named) {
    if (decoder_ == nullptr || spoilt_ || !fs::equivalent(named.model, loaded_)) {
      decoder_.reset();  // before the next is read, so that only one lies in memory
      ModelChoice choice = shared_;
      choice.model = loaded_ = named.model;
      decoder_ = load_model(choice);
      spoilt_ = false;
    }
    for (model::Linear* linear : decoder_->linears()) linear->lora.reset();
    if (!named.adapter.empty())
      spoilt_ = exchange::read_peft(*decoder_, named.adapter, /*trainable=*/false).replaces_base;
    return *decoder_;
  }

 private:
  ModelChoice shared_;
  std::string loaded_;
  bool spoilt_ = false;  // an adapter has put weights of its own in the base's place
  std::unique_ptr<model::Decoder> decoder_;
};

size_t output_width() {
  struct winsize size {};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40;
  return known ? std::min<size_t>(size.ws_col, 120) : 100;
}

void run(const Options& options) {
  evaluate::EvaluationOptions settings = evaluation_settings(options.evaluation, options.generation);
  const generate::Sampler checked(options.generation.sampling);
  const auto models = parse_models(options.models);
  const auto examples = load_evaluation_data(options.evaluation);
  const auto texts = load_texts(models, options.generation.chat_template);
  catch_interrupts();
  BaseCache bases(options.shared);
  std::vector<evaluate::Contender> contenders;
  for (size_t i = 0; i < models.size(); ++i) {
    StageProgress progress(models[i].name + " · ");
    settings.progress = std::ref(progress);
    contenders.push_back({models[i].name, evaluate::evaluate(bases.load(models[i]), texts[i], examples, settings)});
    progress.finish();
    warn_about(contenders.back().evaluation, models[i].name);
  }
  const auto compared = evaluate::compare(contenders);
  const Json document = evaluate::to_json(contenders, compared, options.samples);
  if (!options.output.empty()) write_json(options.output, document);
  const std::string text = options.json ? to_line(document) + "\n"
                                        : evaluate::to_text(contenders, compared, options.samples, output_width());
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void set_up_compare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--model", options->models,
                 "DIR, DIR+ADAPTER or NAME=either; twice or more, the first is the one compared with")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("MODEL");
  add_evaluation_options(app, options->evaluation);
  add_generation_options(app, options->generation);
  options->shared.compute_dtype = "stored";
  add_compute_options(app, options->shared);
  app.add_option("--samples", options->samples, "Examples whose answers are shown")->capture_default_str();
  app.add_option("--output", options->output, "Also write the JSON form here")->type_name("FILE.json");
  app.add_flag("--json", options->json, "One JSON object instead of the table");
  app.footer("Change is that of the last model over the first; ▲ is better. p by paired bootstrap over the examples.");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
