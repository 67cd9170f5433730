#include "cli/engine/option_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/config/assign.h"
#include "base/config/reader.h"
#include "base/config/values.h"
#include "base/config/writer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace hone::cli {
namespace {

/// An option and room for a value of its type.
struct Setting {
  CLI::Option* option = nullptr;
  FieldRules rules;
  bool flag = false;
  int64_t whole = 0;
  double number = 0;
  std::string text;
  std::vector<std::string> list;
};

std::string key_of(const CLI::Option& option) {
  std::string key = option.get_lnames().empty() ? "" : option.get_lnames().front();
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

FieldTarget target_of(Setting& setting) {
  const CLI::Option& option = *setting.option;
  if (option.get_items_expected_max() == 0) return &setting.flag;
  if (option.get_items_expected_max() > 1) return &setting.list;
  const std::string type = option.get_type_name();
  if (starts_with(type, "INT") || starts_with(type, "UINT")) return &setting.whole;
  if (starts_with(type, "FLOAT")) return &setting.number;
  return &setting.text;
}

/// A value as it would stand on the command line.
std::vector<std::string> as_results(const FieldTarget& target) {
  if (const auto* flag = std::get_if<bool*>(&target)) return {**flag ? "true" : "false"};
  if (const auto* whole = std::get_if<int64_t*>(&target)) return {std::to_string(**whole)};
  if (const auto* number = std::get_if<double*>(&target)) return {show_number(**number)};
  if (const auto* list = std::get_if<std::vector<std::string>*>(&target)) return **list;
  return {*std::get<std::string*>(target)};
}

/// Reads what the option has now, from wherever it came.
void take_present(CLI::Option& option, const FieldTarget& target) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  if (const auto* list = std::get_if<std::vector<std::string>*>(&target)) {
    **list = option.results();
    return;
  }
  // CLI11 reads a variable's present value for the help's [default], which also shows what has been set.
  option.capture_default_str();
  node.text = option.get_default_str();
  if (std::holds_alternative<bool*>(target)) node.text = option.count() > 0 && option.as<bool>() ? "true" : "false";
  assign(Field{"", target, {}}, node);
}

}  // namespace

struct OptionFile::Impl {
  CLI::App* app;
  OptionFileRules rules;
  std::string path;
  bool print = false;
  std::deque<Setting> settings;  // the fields, in the same order, point into it
  Fields fields;

  void check_on_the_command_line(Setting& setting, const std::string& key) const {
    const Field field{key, target_of(setting), setting.rules};
    setting.option->check(CLI::Validator(
        [field](std::string& given) -> std::string {
          YamlNode node;
          node.kind = YamlNode::Kind::kScalar;
          node.text = given;
          const auto faults = assign(field, node);
          return faults.empty() ? "" : faults.front().message;
        },
        ""));
  }

  void gather() {
    for (CLI::Option* option : app->get_options()) {
      const std::string key = key_of(*option);
      if (key.empty() || key == "help" || rules.left_out.count(key) > 0) continue;
      Setting& setting = settings.emplace_back();
      setting.option = option;
      if (const auto limits = rules.limits.find(key); limits != rules.limits.end()) setting.rules = limits->second;
      setting.rules.help = option->get_description();
      const FieldTarget target = target_of(setting);
      if (rules.limits.count(key) > 0) check_on_the_command_line(setting, key);
      fields.add(key, target, setting.rules);
    }
  }

  void read_file() {
    ConfigReader reader(hone::read_file(path), path, {}, rules.aliases);
    reader.read(fields);
    for (size_t i = 0; i < settings.size(); ++i) {
      const Field& field = fields.all()[i];
      const Setting& setting = settings[i];
      if (!reader.is_set(field.path) || setting.option->count() > 0) continue;
      const std::vector<std::string> results = as_results(field.target);
      if (results.empty()) continue;
      try {
        setting.option->add_result(results);
        setting.option->run_callback();
      } catch (const CLI::ValidationError&) {
        // By the limits that are the field's own, so it is noted already.
      } catch (const CLI::Error& fault) {
        // A number beyond the option's type.
        reader.fault(field.path, fault.what());
      }
    }
    reader.finish();
  }

  void print_settings(bool json) {
    for (size_t i = 0; i < settings.size(); ++i) {
      const Field& field = fields.all()[i];
      take_present(*settings[i].option, field.target);
      const auto hide = rules.secrets.find(field.path);
      if (hide != rules.secrets.end()) {
        std::string& value = *std::get<std::string*>(field.target);
        value = hide->second(value);
      }
    }
    if (json) {
      std::printf("%s\n", to_line(config_json(fields)).c_str());
      return;
    }
    const std::vector<std::string> lines = split(config_yaml(fields), '\n');
    for (size_t i = 0; i < settings.size(); ++i) {
      std::printf("# %s\n%s\n", settings[i].rules.help.c_str(), lines[i].c_str());
    }
  }
};

OptionFile::OptionFile(CLI::App& app, OptionFileRules rules) : impl_(std::make_shared<Impl>()) {
  impl_->app = &app;
  impl_->rules = std::move(rules);
  impl_->gather();
  // Required is what neither the command line nor the file gives; the parser sees the first alone.
  for (const std::string& key : impl_->rules.required) {
    for (Setting& setting : impl_->settings) {
      if (key_of(*setting.option) == key) setting.option->required(false);
    }
  }
  app.add_option("--config", impl_->path, "YAML file of these options (max_running: 8); the command line wins over it")
      ->type_name("FILE");
  app.add_flag("--print-config", impl_->print, "Print the settings in force as such a file, without secrets, and end");
}

OptionFile::~OptionFile() = default;

bool OptionFile::read(bool json) {
  if (!impl_->path.empty()) impl_->read_file();
  if (impl_->print) {
    impl_->print_settings(json);
    return false;
  }
  for (const std::string& key : impl_->rules.required) {
    for (const Setting& setting : impl_->settings) {
      if (key_of(*setting.option) != key) continue;
      setting.option->capture_default_str();  // what its variable holds now
      if (!setting.option->get_default_str().empty()) continue;
      fail_input(setting.option->get_name(), "is missing",
                 "give " + setting.option->get_name() + ", or " + key + ": … in the file of --config");
    }
  }
  return true;
}

}  // namespace hone::cli
