// hone tokenizer train: a byte-level BPE vocabulary from your own text.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "text/chat_template.h"
#include "text/tokenizers/training/corpus.h"
#include "text/tokenizers/training/tokenizer_trainer.h"

namespace hone::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string output, special_tokens, chat_template = "chatml";
  text::TokenizerTraining training;
  bool json = false;
};

void stop_if_asked() {
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "", "stopped; nothing was written");
}

/// A file, or the name of a built-in template; "none" is no template.
std::string chat_template_of(const std::string& name) {
  if (name == "none") return "";
  return std::filesystem::is_regular_file(name) ? read_file(name) : text::builtin_chat_template(name);
}

void count_words(const Options& options, text::TokenizerTrainer& trainer) {
  double total = 0;
  for (const std::string& file : options.files) {
    if (file == "-") continue;
    require_exists(file, "file");
    if (std::filesystem::is_regular_file(file)) total += static_cast<double>(std::filesystem::file_size(file));
  }
  Progress progress("reading", total, "B");
  double before = 0, here = 0;
  for (const std::string& file : options.files) {
    const auto take = [&](std::string_view text) { trainer.add(text); };
    text::for_each_text(file, take, [&](uint64_t bytes) {
      stop_if_asked();
      here = static_cast<double>(bytes);
      progress.update(before + here);
    });
    before += here;
  }
}

void learn_merges(const Options& options, text::TokenizerTrainer& trainer) {
  Progress progress("merging", static_cast<double>(options.training.vocab_size), "tokens");
  trainer.train([&](size_t size) {
    stop_if_asked();
    progress.update(static_cast<double>(size));
  });
}

void report(const Options& options, const text::TokenizerTrainer& trainer, double seconds) {
  if (options.json) {
    std::cout << to_line({{"output", options.output},
                          {"vocab_size", trainer.vocab_size()},
                          {"merges", trainer.merges()},
                          {"words", trainer.words()},
                          {"distinct_words", trainer.distinct_words()},
                          {"seconds", seconds}})
              << '\n';
    return;
  }
  std::cout << format("%s: %s tokens, %s of them merges, from %s words (%s distinct) in %.1f s\n",
                      options.output.c_str(), with_commas(static_cast<long long>(trainer.vocab_size())).c_str(),
                      with_commas(static_cast<long long>(trainer.merges())).c_str(),
                      with_commas(static_cast<long long>(trainer.words())).c_str(),
                      with_commas(static_cast<long long>(trainer.distinct_words())).c_str(), seconds);
}

void run(Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  options.training.special_tokens.clear();
  for (const std::string& token : split(options.special_tokens, ',')) {
    if (!options.special_tokens.empty()) options.training.special_tokens.push_back(token);
  }
  options.training.chat_template = chat_template_of(options.chat_template);
  text::TokenizerTrainer trainer(options.training);
  catch_interrupts();
  count_words(options, trainer);
  if (trainer.words() == 0) fail_input("--files", "they hold no text", "name files with text to learn from");
  learn_merges(options, trainer);
  trainer.write(options.output);
  if (trainer.vocab_size() < options.training.vocab_size) {
    warn(format("the text has no more pairs that occur %llu times: the vocabulary has %zu tokens, not %zu",
                static_cast<unsigned long long>(options.training.min_frequency), trainer.vocab_size(),
                options.training.vocab_size));
  }
  report(options, trainer, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

void set_up_train(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->special_tokens = join(options->training.special_tokens, ",");
  app.add_option("--files", options->files,
                 "Text, or JSONL, JSON, CSV, TSV rows of which all texts count; - is standard input")
      ->required();
  app.add_option("--vocab-size", options->training.vocab_size, "Tokens, the 256 bytes and special tokens included")
      ->required();
  app.add_option("--output", options->output, "Folder for tokenizer.json and tokenizer_config.json")->required();
  app.add_option("--special-tokens", options->special_tokens, "Separated by commas; they take the first ids")
      ->capture_default_str();
  app.add_option("--min-frequency", options->training.min_frequency, "Leave pairs alone that occur less often")
      ->capture_default_str();
  app.add_option("--pattern", options->training.pattern, "How text is cut into words: gpt2, llama3, qwen2")
      ->capture_default_str();
  app.add_option("--chat-template", options->chat_template, "A Jinja file, the name of a built-in template, or none")
      ->capture_default_str();
  app.add_option("--eos-token", options->training.eos_token, "Ends an answer; a special token")->capture_default_str();
  app.add_option("--pad-token", options->training.pad_token, "Fills up batches; a special token")
      ->capture_default_str();
  app.add_flag("--json", options->json, "Report as a JSON line");
  app.footer("Example: hone tokenizer train --files corpus.txt chats.jsonl --vocab-size 8000 --output tokenizer");
  app.callback([options] { run(*options); });
}

}  // namespace

void set_up_tokenizer(CLI::App& app) {
  app.require_subcommand(1);
  set_up_train(*app.add_subcommand("train", "Train a byte-level BPE tokenizer on your own text"));
}

}  // namespace hone::cli
