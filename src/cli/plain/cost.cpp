// hone cost: what training and using a tuned model costs, at a provider or on one's own machine.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/command.h"
#include "cli/plain/cost_report.h"

namespace hone::cli {
namespace {

struct Options {
  CostRequest request;
  std::string language;
  bool json = false;
};

void run(const Options& options) {
  const Language language = language_called(options.language, "--lang");
  const metrics::CostQuestion question = complete(options.request);
  const std::string& own = options.request.prices;
  const metrics::CostReport report =
      metrics::reckon(question, own.empty() ? metrics::builtin_prices() : metrics::read_prices(own), "--model");
  const std::string text =
      options.json ? to_line(to_json(question, report)) + "\n" : to_text(question, report, language);
  std::fputs(text.c_str(), stdout);
}

void add_machine_options(CLI::App& app, CostRequest& request) {
  metrics::CostQuestion& question = request.question;
  app.add_option("--run", request.run, "A run's folder: its metrics.jsonl tells the tokens a second of training");
  app.add_option("--training-tokens-per-second", question.training_tokens_per_second, "In place of --run")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--answer-tokens-per-second", question.answer_tokens_per_second,
                 "What the own machine generates, all requests together")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--price-per-hour", question.hardware.price_per_hour, "Of the own or rented machine")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--watts", question.hardware.watts, "What it draws")->check(CLI::NonNegativeNumber);
  app.add_option("--price-per-kwh", question.hardware.price_per_kwh, "Of electricity")->check(CLI::NonNegativeNumber);
  app.add_option("--purchase", question.hardware.purchase, "What the machine cost to buy")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void set_up_cost(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CostRequest& request = options->request;
  metrics::CostQuestion& question = request.question;
  app.add_option("--model", question.models, "Models of the price table; default: all of them")
      ->allow_extra_args(false);
  app.add_option("--prices", request.prices, "A price table of your own (docs/cost.md); default: the built-in one")
      ->type_name("FILE.yaml");
  app.add_option("--examples", question.examples, "Number of training examples");
  app.add_option("--tokens-per-example", request.tokens_per_example, "Their mean length");
  app.add_option("--epochs", question.epochs, "Passes over the data")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_data_facts_options(app, request.data);
  app.add_option("--requests-per-day", question.requests_per_day, "Use of the tuned model");
  app.add_option("--input-tokens", question.input_tokens, "Mean tokens of a request");
  app.add_option("--output-tokens", question.output_tokens, "Mean tokens of an answer");
  add_machine_options(app, request);
  app.add_option("--today", request.today, "The date from which the prices' age counts; default: the clock's");
  app.add_option("--lang", options->language, "en or ko; default: LANG");
  app.add_flag("--json", options->json, "Print one JSON document");
  app.footer(
      "Example: hone cost --examples 500 --tokens-per-example 500 --requests-per-day 10000 --input-tokens 200 "
      "--output-tokens 300");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
