#include "exchange/lora_targets.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"

namespace hone::exchange {
namespace {

using model::Decoder;
using model::Linear;

/// PEFT's rule for a list of targets: the whole name, or its end after a dot.
bool ends_as(const std::string& name, const std::string& target) {
  return name == target || ends_with(name, "." + target);
}

/// The name stands in `names` as one module of the path, from a dot or the beginning to a dot or the end.
bool lies_within(const std::string& name, const std::string& module) {
  return ("." + name + ".").find("." + module + ".") != std::string::npos;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string parent(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::string last_part(const std::string& name) {
  return name.substr(name.rfind('.') + 1);
}

void add_once(std::vector<std::string>& list, const std::string& entry) {
  if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
}

std::vector<std::string> endings_of(const std::vector<Linear*>& linears) {
  std::vector<std::string> endings;
  for (const Linear* linear : linears) add_once(endings, last_part(linear->name));
  return endings;
}

/// Every module that has weights, the ones that contain others too.
std::vector<std::string> modules_of(Decoder& decoder) {
  std::vector<std::string> modules;
  for (const auto& parameter : decoder.parameters()) {
    for (std::string name = parent(parameter.name); !name.empty(); name = parent(name)) add_once(modules, name);
  }
  add_once(modules, decoder.head().name);  // no parameter of its own where it is tied
  return modules;
}

/// A regular expression for the end of a name.
Pattern ending_pattern(const std::string& expression, const std::string& place) {
  return Pattern("(?:.*\\.)?(?:" + expression + ")", place);
}

template <typename Value>
std::vector<Pattern> compile(const std::vector<std::pair<std::string, Value>>& patterns, const std::string& place) {
  std::vector<Pattern> compiled;
  for (const auto& [key, value] : patterns) compiled.push_back(ending_pattern(key, place));
  return compiled;
}

template <typename Value>
Value value_of(const std::vector<Pattern>& compiled, const std::vector<std::pair<std::string, Value>>& patterns,
               const std::string& name, Value fallback) {
  for (size_t i = 0; i < compiled.size(); ++i) {
    if (compiled[i].matches_all(name)) return patterns[i].second;
  }
  return fallback;
}

/// A person's map has no order, so two entries for one module must say the same.
template <typename Value>
void check_agree(const std::vector<Pattern>& compiled, const std::vector<std::pair<std::string, Value>>& patterns,
                 const std::string& name, const std::string& place) {
  for (size_t i = 0, first = compiled.size(); i < compiled.size(); ++i) {
    if (!compiled[i].matches_all(name)) continue;
    if (first == compiled.size()) first = i;
    if (patterns[i].second == patterns[first].second) continue;
    fail_input(place,
               "\"" + patterns[first].first + "\" and \"" + patterns[i].first + "\" give " + name + " two values",
               "write the patterns so that one of them matches");
  }
}

}  // namespace

LoraTargets::LoraTargets(const LoraSettings& settings, std::string place)
    : settings_(settings), place_(std::move(place)) {
  if (!settings_.target_pattern.empty()) target_.emplace(settings_.target_pattern, place_ + "target_modules");
  if (!settings_.exclude_pattern.empty()) exclude_.emplace(settings_.exclude_pattern, place_ + "exclude_modules");
  for (const std::string& pattern : settings_.layers_pattern) {
    layers_.push_back(ending_pattern(pattern, place_ + "layers_pattern"));
  }
  ranks_ = compile(settings_.rank_pattern, place_ + "rank_pattern");
  alphas_ = compile(settings_.alpha_pattern, place_ + "alpha_pattern");
  if (target_ && !settings_.layers_to_transform.empty()) {
    fail_input(place_ + "layers_to_transform", "is given beside a regular expression in target_modules",
               "write the numbers into the regular expression, or give target_modules as a list");
  }
  if (!layers_.empty() && settings_.layers_to_transform.empty()) {
    fail_input(place_ + "layers_pattern", "is given without layers_to_transform, which it belongs to",
               "say which layers, or leave it out");
  }
}

bool LoraTargets::excluded(const std::string& name) const {
  const auto any = [&](const std::vector<std::string>& names, bool (*fits)(const std::string&, const std::string&)) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& entry) { return fits(name, entry); });
  };
  return (exclude_ && exclude_->matches_all(name)) || any(settings_.exclude_modules, ends_as) ||
         any(settings_.modules_to_save, lies_within);
}

bool LoraTargets::in_layers(const std::string& name) const {
  if (settings_.layers_to_transform.empty()) return true;
  const std::vector<std::string> parts = split(name, '.');
  // The first number of the name with a list's name before it; without a pattern that list is not the root.
  for (size_t i = layers_.empty() ? 2 : 1; i + 1 < parts.size(); ++i) {
    if (!is_number(parts[i])) continue;
    const std::string before = join({parts.begin(), parts.begin() + static_cast<long>(i)}, ".");
    const bool fits = layers_.empty() || std::any_of(layers_.begin(), layers_.end(), [&](const Pattern& pattern) {
                        return pattern.matches_all(before);
                      });
    if (!fits) continue;
    const auto& wanted = settings_.layers_to_transform;
    return std::find(wanted.begin(), wanted.end(), std::stoll(parts[i])) != wanted.end();
  }
  return false;
}

bool LoraTargets::adapts(const std::string& name, bool is_head) const {
  if (excluded(name)) return false;
  if (target_) return target_->matches_all(name);
  const auto& targets = settings_.target_modules;
  // PEFT asks for the layer only where a part of the name was given.
  if (std::find(targets.begin(), targets.end(), name) != targets.end()) return true;
  const bool named =
      is_all_linear(settings_) ? !is_head : std::any_of(targets.begin(), targets.end(), [&](const std::string& target) {
        return ends_as(name, target);
      });
  return named && in_layers(name);
}

std::vector<Linear*> LoraTargets::linears(Decoder& decoder) const {
  const std::vector<Linear*> all = decoder.linears();
  std::vector<Linear*> chosen;
  for (Linear* linear : all) {
    if (adapts(linear->name, linear == all.back())) chosen.push_back(linear);
  }
  if (!chosen.empty()) return chosen;
  const std::vector<std::string> known = endings_of(all);
  const std::string list = " known: " + join(known, ", ");
  if (target_) {
    fail_input(place_ + "target_modules",
               "the regular expression \"" + settings_.target_pattern + "\" matches the whole name of no module;" +
                   did_you_mean(settings_.target_pattern, known) + list,
               "a text is matched with names such as " + all.front()->name + "; give a list for their endings");
  }
  fail_input(place_ + "target_modules", "with what is left out, no module of this model remains;" + list);
}

bool LoraTargets::saves(const std::string& module) const {
  for (std::string name = module; !name.empty(); name = parent(name)) {
    for (const std::string& ending : settings_.modules_to_save) {
      if (ends_with(name, ending)) return true;
    }
  }
  return false;
}

bool LoraTargets::parts_tied_weights(Decoder& decoder) const {
  return decoder.config().tie_word_embeddings && !settings_.ensure_weight_tying &&
         (saves(parent(decoder.parameters().front().name)) || saves(decoder.head().name));
}

std::vector<WholeTensor> LoraTargets::whole_tensors(Decoder& decoder) const {
  std::vector<WholeTensor> whole;
  const std::vector<Linear*> linears = decoder.linears();
  const std::vector<model::NamedTensor> parameters = decoder.parameters();
  for (const model::NamedTensor& parameter : parameters) {
    const std::string module = parent(parameter.name);
    const bool shared = decoder.config().tie_word_embeddings && parameter.tensor == parameters.front().tensor;
    if (saves(module) || (shared && saves(decoder.head().name))) {
      whole.push_back({parameter, parameter.name, true});
    } else if (ends_with(parameter.name, ".bias") && settings_.bias != "none") {
      const bool adapted = std::any_of(linears.begin(), linears.end(), [&](const Linear* linear) {
        return linear->name == module && linear->lora.has_value();
      });
      if (adapted) whole.push_back({parameter, module + ".base_layer.bias"});
      if (!adapted && settings_.bias == "all") whole.push_back({parameter, parameter.name});
    }
  }
  return whole;
}

int64_t LoraTargets::rank(const std::string& name) const {
  return value_of(ranks_, settings_.rank_pattern, name, settings_.r);
}

double LoraTargets::scaling(const std::string& name) const {
  const double alpha = value_of(alphas_, settings_.alpha_pattern, name, settings_.lora_alpha);
  const auto r = static_cast<double>(rank(name));
  return settings_.use_rslora ? alpha / std::sqrt(r) : alpha / r;
}

/// A bias would be trained where the weight beside it cannot be.
void LoraTargets::check_saved_are_dense(Decoder& decoder) const {
  for (const Linear* linear : decoder.linears()) {
    if (!linear->quantized) continue;
    for (const std::string& ending : settings_.modules_to_save) {
      for (std::string module = linear->name; !ending.empty() && !module.empty(); module = parent(module)) {
        if (!ends_with(module, ending)) continue;
        fail_input(place_ + "modules_to_save",
                   "\"" + ending + "\" takes in " + linear->name + ", which lies in few bits and cannot be trained",
                   "name what stays dense (embeddings, norms, the head), or use the original model");
      }
    }
  }
}

void LoraTargets::check_saved(Decoder& decoder) const {
  check_saved_are_dense(decoder);
  const std::vector<std::string> modules = modules_of(decoder);
  std::vector<std::string> known;
  for (const std::string& module : modules) {
    if (!is_number(last_part(module))) add_once(known, last_part(module));
  }
  for (const std::string& ending : settings_.modules_to_save) {
    bool found = false;
    for (const std::string& module : modules) {
      if (ending.empty() || !ends_with(module, ending)) continue;
      found = true;
      const bool is_list = std::any_of(modules.begin(), modules.end(), [&](const std::string& other) {
        return parent(other) == module && is_number(last_part(other));
      });
      if (is_list) fail_input(place_ + "modules_to_save", "\"" + ending + "\" is a list of modules, not a module");
    }
    if (!found) {
      fail_input(place_ + "modules_to_save", "\"" + ending + "\" is no module of this model;" +
                                                 did_you_mean(ending, known) + " known: " + join(known, ", "));
    }
  }
}

void LoraTargets::check_names(Decoder& decoder) const {
  const std::vector<Linear*> all = decoder.linears();
  const std::vector<std::string> known = endings_of(all);
  const auto check = [&](const std::vector<std::string>& names, const char* key, const std::string& more) {
    for (const std::string& name : names) {
      if (std::any_of(all.begin(), all.end(), [&](const Linear* linear) { return ends_as(linear->name, name); }))
        continue;
      fail_input(place_ + key, format("\"%s\" is no module of this model;%s known: %s%s", name.c_str(),
                                      did_you_mean(name, known).c_str(), join(known, ", ").c_str(), more.c_str()));
    }
  };
  if (!is_all_linear(settings_)) check(settings_.target_modules, "target_modules", ", all-linear");
  check(settings_.exclude_modules, "exclude_modules", "");
  check_saved(decoder);
  for (const Linear* linear : linears(decoder)) {
    check_agree(ranks_, settings_.rank_pattern, linear->name, place_ + "rank_pattern");
    check_agree(alphas_, settings_.alpha_pattern, linear->name, place_ + "alpha_pattern");
    if (!saves(linear->name)) continue;
    fail_input(place_ + "modules_to_save", linear->name + " would be trained whole and adapted at once",
               "write whole names of modules, or leave it out of target_modules");
  }
}

}  // namespace hone::exchange
