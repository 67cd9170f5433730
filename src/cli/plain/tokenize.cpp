// hone tokenize: text to ids and back, a JSON object a line.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace hone::cli {
namespace {

struct Options {
  std::string tokenizer;
  std::string text;
  bool add_special_tokens = false, offsets = false, decode = false, skip_special_tokens = false;
  bool special_as_text = false, json = false;
};

/// Token offsets count bytes inside hone; programs compare with Python, which counts code points.
std::vector<uint32_t> code_point_index(std::string_view text) {
  std::vector<uint32_t> index(text.size() + 1);
  uint32_t count = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at + text::utf8_length(static_cast<unsigned char>(text[at]));
    for (; at < end; ++at) index[at] = count;
    ++count;
  }
  index[text.size()] = count;
  return index;
}

std::string ids_line(const std::vector<int32_t>& ids) {
  std::string line = "{\"ids\": [";
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) line += ", ";
    line += std::to_string(ids[i]);
  }
  return line + "]}";
}

std::string offsets_line(const text::Encoding& encoding, std::string_view text) {
  const std::vector<uint32_t> index = code_point_index(text);
  Json document;
  document["ids"] = encoding.ids;
  document["tokens"] = encoding.tokens;
  document["offsets"] = Json::array();
  for (const auto& [begin, end] : encoding.offsets) document["offsets"].push_back({index[begin], index[end]});
  return to_line(document);
}

std::string encode_line(const text::Tokenizer& tokenizer, std::string_view text, const Options& options) {
  const text::EncodeOptions how{.add_special_tokens = options.add_special_tokens,
                                .parse_special_tokens = !options.special_as_text};
  return options.offsets ? offsets_line(tokenizer.encode_with_offsets(text, how), text)
                         : ids_line(tokenizer.encode(text, how));
}

std::string decode_line(const text::Tokenizer& tokenizer, const Json& ids, const Options& options,
                        const std::string& place) {
  std::vector<int32_t> numbers;
  numbers.reserve(ids.size());
  for (const Json& id : ids) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0) {
      fail_input(place, "\"ids\" holds " + excerpt(id.dump(), 40) + ", which is no token id",
                 "every id is an integer that is not negative");
    }
    // What is past any vocabulary stands for no token, as a smaller unknown id does.
    numbers.push_back(static_cast<int32_t>(std::min<int64_t>(id.get<int64_t>(), INT32_MAX)));
  }
  const std::string text = tokenizer.decode(numbers, {.skip_special_tokens = options.skip_special_tokens});
  return to_line({{"text", text}});
}

std::string answer(const text::Tokenizer& tokenizer, const std::string& line, const Options& options,
                   const std::string& place) {
  std::string repaired;
  if (text::valid_utf8_prefix(line) != line.size()) text::append_repaired(repaired, line);
  const Json record = parse_json(repaired.empty() ? line : repaired, place);
  const char* wanted = options.decode ? "ids" : "text";
  const auto it = record.is_object() ? record.find(wanted) : record.end();
  if (it == record.end() || !(options.decode ? it->is_array() : it->is_string())) {
    fail_input(place, std::string("the line has no ") + (options.decode ? "list \"ids\"" : "string \"text\""),
               options.decode ? "write {\"ids\": [1, 2, 3]}" : "write {\"text\": \"…\"}, or use --decode for ids");
  }
  return options.decode ? decode_line(tokenizer, *it, options, place)
                        : encode_line(tokenizer, it->get_ref<const std::string&>(), options);
}

void run_stream(const text::Tokenizer& tokenizer, const Options& options) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  std::string line;
  for (uint64_t number = 1; std::getline(std::cin, line); ++number) {
    if (trim(line).empty()) continue;
    std::cout << answer(tokenizer, line, options,
                        format("standard input:%llu", static_cast<unsigned long long>(number)))
              << '\n';
    // Nothing more waits to be read: whoever asks line by line wants the answer now.
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush();
  }
  std::cout.flush();
  if (!std::cout) fail_work("standard output", "writing failed");
}

void print_text(const text::Tokenizer& tokenizer, const Options& options) {
  std::string text;
  text::append_repaired(text, options.text);
  if (options.json) {
    std::cout << encode_line(tokenizer, text, options) << '\n';
    return;
  }
  const text::Encoding encoding = tokenizer.encode_with_offsets(
      text, {.add_special_tokens = options.add_special_tokens, .parse_special_tokens = !options.special_as_text});
  const std::vector<uint32_t> index = code_point_index(text);
  Table table({"id", "token", "range", "text"});
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    table.add({std::to_string(encoding.ids[i]), excerpt(encoding.tokens[i], 40),
               format("%u-%u", index[begin], index[end]),
               excerpt(std::string_view(text).substr(begin, end - begin), 40)});
  }
  std::cout << table.text() << format("%zu tokens, %zu characters\n", encoding.ids.size(), text::count_codes(text));
}

}  // namespace

void set_up_tokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--tokenizer", options->tokenizer, "Model folder or tokenizer.json")->required();
  app.add_flag("--add-special-tokens", options->add_special_tokens, "Add BOS, EOS … as the tokenizer's template says");
  app.add_flag("--offsets", options->offsets, "Also \"tokens\" and \"offsets\" (code points of the text)");
  app.add_flag("--special-as-text", options->special_as_text, "Special tokens written in the text are plain text");
  CLI::Option* decode = app.add_flag("--decode", options->decode, "Read {\"ids\": […]} lines, write {\"text\": …}");
  app.add_flag("--skip-special-tokens", options->skip_special_tokens, "Leave special tokens out of decoded text")
      ->needs(decode);
  CLI::Option* text =
      app.add_option("--text", options->text, "Show the tokens of this text as a table")->excludes(decode);
  app.add_flag("--json", options->json, "With --text: a JSON line instead of a table");
  app.footer(
      "Reads one JSON object a line from standard input, {\"text\": …}, and writes {\"ids\": […]} a line.\n"
      "Example: echo '{\"text\": \"안녕하세요\"}' | hone tokenize --tokenizer models/base");
  app.callback([options, text] {
    const text::Tokenizer tokenizer = text::Tokenizer::load(options->tokenizer);
    if (text->count() > 0) {
      print_text(tokenizer, *options);
    } else {
      run_stream(tokenizer, *options);
    }
  });
}

}  // namespace hone::cli
