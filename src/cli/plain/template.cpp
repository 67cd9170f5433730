// hone template: what a chat looks like to the model.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

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
  } else if (source.text.empty()) {
    fail_input(options.tokenizer.empty() ? "hone template" : options.tokenizer,
               options.tokenizer.empty() ? "no template was named" : "this tokenizer ships no chat template",
               "give --template FILE.jinja, or --name NAME for one of `hone template --list`");
  }
  return source;
}

Json read_variables(const Options& options, const Source& source) {
  Json given = read_json(options.messages);
  if (given.is_array()) given = Json{{"messages", std::move(given)}};
  if (!given.is_object() || !given.contains("messages")) {
    fail_input(options.messages, "holds no \"messages\"",
               R"(write {"messages": [{"role": "user", "content": "…"}], "add_generation_prompt": true})");
  }
  // What apply_chat_template always passes, even when a caller leaves it out.
  Json variables = {{"tools", nullptr}, {"documents", nullptr}, {"add_generation_prompt", false}};
  variables.update(source.special_tokens);
  variables.update(given);
  return variables;
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
  const Json variables = read_variables(options, source);
  const text::ChatTemplate chat(source.text, source.name);
  if (!options.ranges) {
    const std::string rendering = chat.render(variables);
    const std::string shown = options.json ? to_line({{"text", rendering}}) + "\n" : rendering;
    std::fwrite(shown.data(), 1, shown.size(), stdout);
    return;
  }
  std::vector<std::pair<size_t, size_t>> ranges;
  const std::string rendering = chat.render(variables, ranges);
  std::printf("%s\n", to_line({{"text", rendering}, {"generation", ranges}}).c_str());
}

}  // namespace

void set_up_template(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("--tokenizer", options->tokenizer, "folder of a tokenizer: its template, bos_token and eos_token");
  auto* file =
      app.add_option("--template", options->template_file, "a Jinja file, instead of the tokenizer's template");
  app.add_option("--name", options->name, "one of hone's own templates (see --list)")->excludes(file);
  app.add_option("--messages", options->messages,
                 "JSON file: {\"messages\": […], \"tools\": …, \"add_generation_prompt\": …, any other variable}");
  app.add_flag("--list", options->list, "list hone's own templates");
  app.add_flag("--ranges", options->ranges, "print JSON with the byte ranges of {% generation %} blocks as well");
  app.add_flag("--json", options->json, "print {\"text\": …}");
  app.footer(
      "Prints the rendering as it is, without a line break at the end. Set HONE_NOW=2025-03-01T12:00:00 to fix\n"
      "the time a template sees. docs/chat-templates.md says what of Jinja is understood.");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
