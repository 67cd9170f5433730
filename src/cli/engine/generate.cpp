// hone generate: answers to one prompt, or to a file of them.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "cli/engine/generation_options.h"
#include "data/prompts.h"
#include "generate/engine.h"
#include "generate/model_text.h"

namespace hone::cli {
namespace {

using generate::Completion;

struct Options {
  ModelChoice model;
  GenerationChoice generation;
  std::string prompts, prompt;
  bool has_prompt = false, json = false;
  size_t batch = 32;
};

std::string answer_line(const Completion& completion) {
  return to_line({{"text", completion.text},
                  {"ids", completion.ids},
                  {"finish_reason", generate::finish_reason_name(completion.finish)}});
}

/// What the reader of a terminal sees of a prompt: its text, or the last turn.
std::string shown(const data::Example& prompt) {
  return excerpt(prompt.messages.empty() ? prompt.text : prompt.messages.back().content, 70);
}

/// A model that must be told positions it was never trained on answers badly, without any error.
void warn_about_context(size_t prompt, int64_t max_new_tokens, int64_t positions) {
  static bool warned = false;
  if (warned || static_cast<int64_t>(prompt) + max_new_tokens <= positions) return;
  warned = true;
  warn(format("a prompt of %zu tokens and %ld new ones pass the %ld positions that the model was trained on", prompt,
              max_new_tokens, positions));
}

struct Loaded {
  std::unique_ptr<model::Decoder> decoder;
  generate::ModelText text;
  text::ChatEncoder encoder;

  explicit Loaded(const Options& options)
      // The text side first: a missing tokenizer is found before gigabytes of weights are read.
      : text(options.model.model, options.model.adapter, options.generation.chat_template), encoder(text.encoder({})) {
    decoder = load_model(options.model);
  }

  generate::Request request(const Options& options, const data::Example& prompt, uint64_t stream) const {
    auto ids = generate::prompt_ids(text, encoder, prompt);
    warn_about_context(ids.size(), options.generation.max_new_tokens, decoder->config().max_position_embeddings);
    return make_request(options.generation, std::move(ids), text.stop_ids(), stream);
  }
};

void run_one(const Options& options, const Loaded& loaded) {
  data::Example prompt;
  prompt.text = options.prompt;
  generate::Engine engine(*loaded.decoder, loaded.text.tokenizer());
  engine.add(loaded.request(options, prompt, 0));
  Completion completion;
  while (!engine.idle() && !interrupted()) {
    for (const generate::Event& event : engine.step()) {
      if (event.error) throw Error(*event.error);
      completion.ids.push_back(event.token);
      completion.text = event.answer;
      completion.finish = event.finish;
      if (options.json) continue;
      std::fwrite(event.text.data(), 1, event.text.size(), stdout);
      std::fflush(stdout);
    }
  }
  std::printf("%s\n", options.json ? answer_line(completion).c_str() : "");
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "", "stopped on request");
}

void run_file(const Options& options, const Loaded& loaded) {
  data::PromptReader reader(options.prompts);
  generate::Engine engine(*loaded.decoder, loaded.text.tokenizer(), {.max_running = options.batch});
  std::vector<std::string> titles;  // of prompts not yet answered, for people
  uint64_t read = 0, tokens = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto next = [&]() -> std::optional<generate::Request> {
    const std::optional<data::Example> prompt = reader.next();
    if (!prompt) return std::nullopt;
    titles.resize(options.batch * 4);
    titles[read % titles.size()] = shown(*prompt);
    return loaded.request(options, *prompt, read++);
  };
  const auto done = [&](size_t index, Completion&& completion) {
    tokens += completion.ids.size();
    if (options.json) {
      std::printf("%s\n", answer_line(completion).c_str());
    } else {
      std::printf("%s» %s\n%s\n", index > 0 ? "\n" : "", titles[index % titles.size()].c_str(),
                  completion.text.c_str());
    }
    std::fflush(stdout);
  };
  generate::generate_stream(engine, next, done, options.batch * 4);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  say(format("%s answers, %s tokens in %s (%.0f tokens/s)", with_commas(static_cast<long long>(read)).c_str(),
             with_commas(static_cast<long long>(tokens)).c_str(), human_seconds(seconds.count()).c_str(),
             static_cast<double>(tokens) / std::max(seconds.count(), 1e-9)));
}

void run(const Options& options) {
  if (options.has_prompt == !options.prompts.empty()) {
    fail_input("generate", "give either --prompt TEXT or --prompts FILE.jsonl", "\"-\" as FILE reads standard input");
  }
  if (options.batch == 0) fail_input("--batch", "is 0, expected 1 or more");
  const generate::Sampler checked(options.generation.sampling);  // a bad option is told before the model is read
  const Loaded loaded(options);
  catch_interrupts();
  options.has_prompt ? run_one(options, loaded) : run_file(options, loaded);
}

}  // namespace

void set_up_generate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.compute_dtype = "stored";
  add_model_options(app, options->model);
  app.add_option("--prompts", options->prompts,
                 "JSONL: {\"prompt\": …} or {\"messages\": […]} a line; - is standard input")
      ->type_name("FILE");
  app.add_option("--prompt", options->prompt, "One prompt; its answer appears as it is made")->type_name("TEXT");
  add_generation_options(app, options->generation);
  app.add_option("--batch", options->batch, "Prompts answered side by side")->capture_default_str();
  app.add_flag("--json", options->json, "{\"text\", \"ids\", \"finish_reason\"} a line, in the order of the prompts");
  app.callback([options, &app] {
    options->has_prompt = app.count("--prompt") > 0;
    run(*options);
  });
}

}  // namespace hone::cli
