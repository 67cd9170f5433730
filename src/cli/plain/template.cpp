// hone template: what a chat looks like to the model.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "text/builtin_templates.h"
#include "text/chat_template.h"

namespace hone::cli {
namespace {

struct Options {
  std::string tokenizer, template_file, name, messages;
  bool list = false, json = false, ranges = false;
};

/// A special token in tokenizer_config.json is its text, or an object that holds it as "content".
std::string token_text(const Json& config, const char* key) {
  if (!config.is_object() || !config.contains(key)) return "";
  const Json& token = config.at(key);
  if (token.is_string()) return token.get<std::string>();
  return token.is_object() && token.contains("content") && token["content"].is_string()
             ? token["content"].get<std::string>()
             : "";
}

/// The template that tokenizer_config.json holds: one text, or several of which "default" is taken.
std::string configured_template(const Json& config, const std::string& place) {
  if (!config.is_object() || !config.contains("chat_template")) return "";
  const Json& found = config["chat_template"];
  if (found.is_string()) return found.get<std::string>();
  if (found.is_array()) {
    for (const Json& entry : found) {
      if (entry.is_object() && entry.value("name", Json()) == "default" && entry.contains("template") &&
          entry["template"].is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  if (found.is_null()) return "";
  fail_input(place + ": chat_template", "neither a text nor a list with a template called \"default\"");
}

bool is_jsonl(const std::string& path) {
  return ends_with(path, ".jsonl");
}

struct Source {
  std::string text, name;
  Json special_tokens = Json::object();
};

Source find_template(const Options& options) {
  Source source;
  const std::filesystem::path folder = options.tokenizer;
  if (!options.tokenizer.empty()) {
    require_exists(folder, "tokenizer folder");
    const auto config_file = folder / "tokenizer_config.json", map_file = folder / "special_tokens_map.json";
    const Json config = std::filesystem::exists(config_file) ? read_json(config_file) : Json::object();
    const Json map = std::filesystem::exists(map_file) ? read_json(map_file) : Json::object();
    for (const char* key :
         {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}) {
      std::string token = token_text(config, key);
      if (token.empty()) token = token_text(map, key);
      if (!token.empty()) source.special_tokens[key] = token;
    }
    if (std::filesystem::exists(folder / "chat_template.jinja")) {
      source.name = (folder / "chat_template.jinja").string();
      source.text = read_file(source.name);
    } else {
      source.name = config_file.string() + ":chat_template";
      source.text = configured_template(config, config_file.string());
    }
  }
  if (!options.template_file.empty()) {
    source.name = options.template_file;
    source.text = read_file(options.template_file);
  } else if (!options.name.empty()) {
    source.name = options.name;
    source.text = text::builtin_chat_template(options.name);
  } else if (source.text.empty() && !is_jsonl(options.messages)) {
    fail_input(options.tokenizer.empty() ? "hone template" : options.tokenizer,
               options.tokenizer.empty() ? "no template was named" : "this tokenizer ships no chat template",
               "give --template FILE.jinja, or --name NAME for one of `hone template --list`");
  }
  return source;
}

/// What apply_chat_template passes even when a caller leaves it out, the special tokens, then what is given.
Json variables_of(Json given, const std::string& place, const Source& source) {
  if (given.is_array()) given = Json{{"messages", std::move(given)}};
  if (!given.is_object() || !given.contains("messages")) {
    fail_input(place, "holds no \"messages\"",
               R"(write {"messages": [{"role": "user", "content": "…"}], "add_generation_prompt": true})");
  }
  Json variables = {{"tools", nullptr}, {"documents", nullptr}, {"add_generation_prompt", false}};
  variables.update(source.special_tokens);
  variables.update(given);
  return variables;
}

Json render(const text::ChatTemplate& chat, const Json& variables, bool with_ranges) {
  if (!with_ranges) return {{"text", chat.render(variables)}};
  std::vector<std::pair<size_t, size_t>> ranges;
  const std::string rendering = chat.render(variables, ranges);
  return {{"text", rendering}, {"generation", ranges}};
}

/// One chat a line in, one {"text": …} or {"error": …} a line out. A line may bring its own
/// "chat_template", as apply_chat_template's argument of that name.
void render_lines(const Options& options, const Source& source) {
  std::ifstream lines(options.messages, std::ios::binary);
  if (!lines) fail_input(options.messages, "cannot be read");
  std::optional<text::ChatTemplate> shared;
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (trim(line).empty()) continue;
    try {
      const std::string place = format("%s:%zu", options.messages.c_str(), number);
      const Json variables = variables_of(parse_json(line, place), place, source);
      Json answer;
      if (variables.contains("chat_template") && variables["chat_template"].is_string()) {
        const text::ChatTemplate own(variables["chat_template"].get<std::string>(), place + ":chat_template");
        answer = render(own, variables, options.ranges);
      } else if (source.text.empty()) {
        fail_input(place, "no template was named", "give --template, --name or --tokenizer");
      } else {
        if (!shared) shared.emplace(source.text, source.name);
        answer = render(*shared, variables, options.ranges);
      }
      std::printf("%s\n", to_line(answer).c_str());
    } catch (const Error& error) {
      const Json fault = {{"place", error.place()}, {"message", error.message()}, {"fix", error.remedy()}};
      std::printf("%s\n", to_line({{"line", number}, {"error", fault}}).c_str());
      warn(format("%s:%zu: ", options.messages.c_str(), number) + error.what());
      set_exit_code(error.exit_code());
    }
  }
}

void list_templates(bool json) {
  Json all = Json::array();
  Table table({"name", "format"});
  for (const auto& entry : text::builtin_chat_templates().entries()) {
    all.push_back({{"name", entry.name}, {"summary", entry.summary}, {"template", entry.make}});
    table.add({entry.name, entry.summary});
  }
  std::printf("%s", json ? (to_line(all) + "\n").c_str() : table.text().c_str());
}

void run(const Options& options) {
  if (options.list) return list_templates(options.json);
  if (options.messages.empty()) fail_input("hone template", "--messages is missing", "give --messages FILE.json");
  const Source source = find_template(options);
  if (is_jsonl(options.messages)) return render_lines(options, source);
  const Json variables = variables_of(read_json(options.messages), options.messages, source);
  const Json answer = render(text::ChatTemplate(source.text, source.name), variables, options.ranges);
  const auto& rendering = answer["text"].get_ref<const std::string&>();
  const std::string shown = options.json || options.ranges ? to_line(answer) + "\n" : rendering;
  std::fwrite(shown.data(), 1, shown.size(), stdout);
}

}  // namespace

void set_up_template(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("--tokenizer", options->tokenizer, "folder of a tokenizer: its template, bos_token and eos_token");
  auto* file =
      app.add_option("--template", options->template_file, "a Jinja file, instead of the tokenizer's template");
  app.add_option("--name", options->name, "one of hone's own templates (see --list)")->excludes(file);
  app.add_option(
      "--messages", options->messages,
      "JSON file: {\"messages\": […], \"tools\": …, \"add_generation_prompt\": …, any other variable}; with a\n"
      "name that ends in .jsonl one such object a line, answered by one JSON object a line");
  app.add_flag("--list", options->list, "list hone's own templates");
  app.add_flag("--ranges", options->ranges, "print JSON with the byte ranges of {% generation %} blocks as well");
  app.add_flag("--json", options->json, "print {\"text\": …}");
  app.footer(
      "Prints the rendering as it is, without a line break at the end. Set HONE_NOW=2025-03-01T12:00:00 to fix\n"
      "the time a template sees. docs/chat-templates.md says what of Jinja is understood.");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
