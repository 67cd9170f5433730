#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/plain/data_common.h"
#include "text/chat_encoding.h"

namespace hone::cli {
namespace {

struct Options {
  std::string file, tokenizer, chat_template;
  data::LoadOptions load;
  text::ChatEncodingOptions encoding;
  uint64_t first = 1, count = 1;
  bool json = false;
};

/// `branch`: "" or which answer of a preference pair it is.
Json to_json(const text::EncodedExample& encoded, const std::string& branch, const text::Tokenizer& tokenizer) {
  Json tokens = Json::array();
  for (const int32_t id : encoded.ids) tokens.push_back(tokenizer.id_to_token(id));
  Json row = {{"line", encoded.origin.line},
              {"ids", encoded.ids},
              {"tokens", tokens},
              {"trained", encoded.trained},
              {"truncated", encoded.truncated}};
  if (!branch.empty()) row["branch"] = branch;
  return row;
}

/// Trained stretches in green on a terminal, in 【 】 elsewhere.
void print(const text::EncodedExample& encoded, const std::string& branch, const text::Tokenizer& tokenizer) {
  const bool colour = output_is_live();
  const char* open = colour ? "\033[32m" : "【";
  const char* close = colour ? "\033[0m" : "】";
  const auto trained = std::count(encoded.trained.begin(), encoded.trained.end(), 1);
  std::printf("%s:%llu: %s%zu tokens, %lld trained%s\n", encoded.origin.file.c_str(),
              static_cast<unsigned long long>(encoded.origin.line), branch.empty() ? "" : (branch + ", ").c_str(),
              encoded.ids.size(), static_cast<long long>(trained), encoded.truncated ? ", cut at max_length" : "");
  // Whole stretches are decoded, since one character may be several tokens.
  for (size_t begin = 0; begin < encoded.ids.size();) {
    size_t end = begin + 1;
    while (end < encoded.ids.size() && encoded.trained[end] == encoded.trained[begin]) ++end;
    const std::string text = tokenizer.decode(std::span(encoded.ids).subspan(begin, end - begin));
    std::printf("%s%s%s", encoded.trained[begin] ? open : "", text.c_str(), encoded.trained[begin] ? close : "");
    begin = end;
  }
  std::printf("\n");
}

void run(const Options& options) {
  const text::Tokenizer tokenizer = text::Tokenizer::load(options.tokenizer);
  const text::ChatEncoder encoder(
      tokenizer, options.chat_template.empty() ? "" : text::builtin_chat_template(options.chat_template),
      text::stop_ids_for(options.tokenizer, tokenizer), options.encoding);
  data::ExampleReader reader(options.file, options.load);
  data::Row row;
  uint64_t index = 0;
  while (index + 1 < options.first + options.count && reader.next(row)) {
    if (++index < options.first) continue;
    if (!row.ok()) {
      const data::Finding& fault = row.findings.first_error();
      fail_input(place(fault, reader.name()), fault.message, fault.fix);
    }
    const char* branch = row.example.rejected ? "chosen" : "";
    for (const text::EncodedExample& encoded : encoder.encode_branches(row.example)) {
      if (options.json)
        std::printf("%s\n", to_line(to_json(encoded, branch, tokenizer)).c_str());
      else
        print(encoded, branch, tokenizer);
      branch = "rejected";
    }
  }
  if (index < options.first) {
    fail_input(reader.name(),
               format("has %llu rows, row %llu was asked for", static_cast<unsigned long long>(index),
                      static_cast<unsigned long long>(options.first)),
               "ask for an earlier row");
  }
}

}  // namespace

void set_up_data_show(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_load_options(app, options->file, options->load);
  app.add_option("--tokenizer", options->tokenizer, "Model or tokenizer folder")->required();
  app.add_option("--template", options->chat_template,
                 "A built-in chat template in place of the model's own (chatml, llama-3, …)");
  app.add_option("--row", options->first, "The first row shown, from 1")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rows", options->count, "How many rows")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--max-tokens", options->encoding.max_length, "Cut rows at this many tokens, as training would")
      ->capture_default_str();
  app.add_flag("--json", options->json,
               "Print {line, ids, tokens, trained, truncated}, one line a sequence; pairs have two, with branch");
  app.footer("What is trained on is green on a terminal and in 【 】 elsewhere.");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
