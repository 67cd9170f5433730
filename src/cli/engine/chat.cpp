// hone chat: a conversation on the terminal, or with a program through pipes.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "cli/engine/generation_options.h"
#include "data/utf8.h"
#include "generate/engine.h"
#include "generate/model_text.h"

namespace hone::cli {
namespace {

struct Options {
  ModelChoice model;
  GenerationChoice generation;
  std::string system;
  bool json = false;
};

constexpr const char* kHelp =
    "/reset  begin anew    /retry  another answer to the last message    /system TEXT  change the system message\n"
    "/exit   leave (also Ctrl-D); Ctrl-C stops an answer";

class Chat {
 public:
  explicit Chat(const Options& options)
      : options_(options),
        text_(options.model.model, options.model.adapter, options.generation.chat_template),
        encoder_(text_.encoder({})),
        decoder_(load_model(options.model)) {
    conversation_.origin.file = "chat";
    if (text_.chat_template().empty()) {
      fail_input(options.model.model, "has no chat template, so it cannot hold a conversation",
                 "name one with --chat-template chatml, or use hone generate --prompt");
    }
    set_system(options.system);
  }

  /// False when the conversation is over.
  bool handle(const std::string& line) {
    const std::string said(trim(line));
    if (said.empty()) return true;
    if (said == "/exit" || said == "/quit") return false;
    if (said == "/help") return say(kHelp), true;
    if (said == "/reset") return forget(), note("a new conversation"), true;
    if (said == "/system" || starts_with(said, "/system ")) {
      set_system(std::string(trim(std::string_view(said).substr(7))));
      return note(options_.system.empty() ? "no system message" : "system: " + options_.system), true;
    }
    if (said == "/retry") return retry(), true;
    if (said[0] == '/') return warn("unknown command " + excerpt(said, 30) + "\n" + kHelp), true;
    return ask(line), true;
  }

 private:
  void note(const std::string& text) const {
    if (!options_.json) say(text);
  }

  void forget() {
    conversation_.messages.clear();
    if (!options_.system.empty()) conversation_.messages.push_back({"system", options_.system, false, ""});
  }

  void set_system(const std::string& text) {
    options_.system = text;
    forget();
  }

  void retry() {
    auto& messages = conversation_.messages;
    if (!messages.empty() && messages.back().role == "assistant") messages.pop_back();
    if (messages.empty() || messages.back().role != "user") return warn("nothing to answer again yet");
    ++options_.generation.seed;
    answer();
  }

  void ask(const std::string& text) {
    conversation_.messages.push_back({"user", text, false, ""});
    answer();
  }

  void answer() {
    const auto request = [&] {
      return make_request(options_.generation, encoder_.encode_prompt(conversation_), text_.stop_ids(), turn_++);
    };
    generate::Engine engine(*decoder_, text_.tokenizer(),
                            {.context_limit = decoder_->config().max_position_embeddings});
    try {
      engine.add(request());
    } catch (const Error& fault) {
      // The conversation outgrew the context or the template refuses it: the last message is taken back.
      if (fault.kind() != ErrorKind::kInput) throw;
      conversation_.messages.pop_back();
      return warn(std::string(fault.what()) + "\n  /reset begins a new conversation");
    }
    stream(engine);
  }

  void stream(generate::Engine& engine) {
    set_interrupted(false);
    const auto begin = std::chrono::steady_clock::now();
    std::string text;
    size_t tokens = 0;
    const char* finish = "interrupted";
    while (!engine.idle() && !interrupted()) {
      for (const generate::Event& event : engine.step()) {
        if (event.error) throw Error(*event.error);
        ++tokens;
        text += event.text;
        if (event.finish != generate::FinishReason::kNone) {
          finish = generate::finish_reason_name(event.finish);
          text = event.answer;
        }
        if (!options_.json) std::fputs(event.text.c_str(), stdout), std::fflush(stdout);
      }
    }
    const bool stopped_by_hand = interrupted();
    set_interrupted(false);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const double rate = static_cast<double>(tokens) / std::max(seconds.count(), 1e-9);
    if (options_.json) {
      std::printf("%s\n",
                  to_line({{"text", text}, {"finish_reason", finish}, {"tokens", tokens}, {"tokens_per_second", rate}})
                      .c_str());
    } else {
      std::printf("\n");
    }
    std::fflush(stdout);
    note(format("[%zu tokens, %.1f tokens/s%s]", tokens, rate, stopped_by_hand ? ", stopped" : ""));
    conversation_.messages.push_back({"assistant", text, false, ""});
  }

  Options options_;
  generate::ModelText text_;
  text::ChatEncoder encoder_;
  std::unique_ptr<model::Decoder> decoder_;
  data::Example conversation_;
  uint64_t turn_ = 0;
};

void run(const Options& options) {
  const generate::Sampler checked(options.generation.sampling);
  Chat chat(options);
  catch_interrupts();
  const bool at_terminal = ::isatty(STDIN_FILENO) && !options.json;
  if (at_terminal) say(kHelp);
  std::string line;
  while (true) {
    if (at_terminal) std::fputs("› ", stdout), std::fflush(stdout);
    if (!std::getline(std::cin, line)) break;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    // A terminal in another encoding, or an erased half of a Hangul syllable, must not reach the tokenizer.
    if (data::find_invalid_utf8(line) != std::string::npos) {
      warn("that line is not UTF-8 and was left out; set the terminal to UTF-8");
      continue;
    }
    if (!chat.handle(line)) break;
  }
  if (at_terminal && std::cin.eof()) std::printf("\n");
}

}  // namespace

void set_up_chat(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->generation.max_new_tokens = 512;
  options->generation.sampling.temperature = 0.7;
  options->generation.sampling.top_p = 0.95;
  options->model.compute_dtype = "stored";
  add_model_options(app, options->model);
  app.add_option("--system", options->system, "System message")->type_name("TEXT");
  add_generation_options(app, options->generation);
  app.add_flag("--json", options->json, "One JSON object an answer");
  app.footer(kHelp);
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
