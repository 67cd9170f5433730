// Partial fine-tuning: some layers, some modules, embeddings, norms or biases are trained in fp32 and the rest is
// frozen, in the type of the arithmetic. Biases alone are BitFit (Ben Zaken et al. 2022).
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/pattern.h"
#include "base/strings.h"
#include "tune/methods/base_weights.h"

namespace hone::tune {
namespace {

using Parameters = std::vector<model::NamedTensor>;

std::string module_of(const std::string& parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

/// The number in "model.layers.7.mlp.up_proj.weight", or -1 outside of layers.
int64_t layer_of(const std::string& parameter) {
  for (const std::string& part : split(parameter, '.')) {
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    if (number) return std::stoll(part);
  }
  return -1;
}

/// From a dot (or the beginning) to a dot (or the end), as PEFT's modules_to_save and LLaMA-Factory's names read.
bool lies_within(const std::string& name, const std::string& module) {
  return ("." + name + ".").find("." + module + ".") != std::string::npos;
}

class Selection {
 public:
  Selection(model::Decoder& decoder, const PartialChoice& choice)
      : parameters_(decoder.parameters()), choice_(choice), layers_(decoder.config().num_hidden_layers) {
    tied_head_ = decoder.config().tie_word_embeddings ? decoder.head().name : "";
    head_ = decoder.head().name;
    if (!choice.module_pattern.empty()) pattern_.emplace(choice.module_pattern, "partial.modules");
    check_layers(choice.train_first_layers, "partial.train_first_layers");
    check_layers(choice.train_last_layers, "partial.train_last_layers");
    check_layers(choice.freeze_first_layers, "partial.freeze_first_layers");
    check_modules();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> chosen;
    for (const auto& parameter : parameters_) {
      if (trains(parameter)) chosen.push_back(parameter.name);
    }
    if (chosen.empty())
      fail_input("partial", "chooses no weight of this model", "name layers, modules, embeddings, norms or biases");
    return chosen;
  }

 private:
  void check_layers(const std::optional<int64_t>& count, const std::string& place) const {
    if (count.value_or(0) <= layers_) return;
    fail_input(place, format("%ld is more than the %ld layers of this model", *count, layers_));
  }

  void check_modules() const {
    if (pattern_ && std::none_of(parameters_.begin(), parameters_.end(),
                                 [&](const auto& parameter) { return in_modules(parameter); })) {
      fail_input("partial.modules",
                 "\"" + choice_.module_pattern +
                     "\" matches no module of this model; a text that is not in a list is a "
                     "regular expression for the whole name",
                 "for names, give a list: [" + choice_.module_pattern + "]");
    }
    std::set<std::string> known = {head_};
    for (const auto& parameter : parameters_) known.insert(split(module_of(parameter.name), '.').back());
    for (const std::string& module : choice_.modules) {
      const bool found = std::any_of(parameters_.begin(), parameters_.end(), [&](const auto& parameter) {
        return named(parameter, [&](const std::string& name) { return lies_within(name, module); });
      });
      if (found) continue;
      const std::vector<std::string> names(known.begin(), known.end());
      fail_input("partial.modules", "\"" + module + "\" is no module of this model;" + did_you_mean(module, names) +
                                        " known: " + join(names, ", "));
    }
  }

  bool is_embedding(const model::NamedTensor& parameter) const {
    return parameter.tensor == parameters_.front().tensor;
  }

  /// A tied head goes by both names.
  template <typename Fits>
  bool named(const model::NamedTensor& parameter, const Fits& fits) const {
    return fits(module_of(parameter.name)) || (is_embedding(parameter) && !tied_head_.empty() && fits(tied_head_));
  }

  bool in_modules(const model::NamedTensor& parameter) const {
    return named(parameter, [&](const std::string& name) {
      return (pattern_ && pattern_->matches_all(name)) ||
             std::any_of(choice_.modules.begin(), choice_.modules.end(),
                         [&](const std::string& module) { return lies_within(name, module); });
    });
  }

  bool chooses_layers() const {
    return choice_.train_first_layers || choice_.train_last_layers || choice_.freeze_first_layers;
  }

  bool in_layers(int64_t layer) const {
    return layer < choice_.train_first_layers.value_or(0) || layer >= layers_ - choice_.train_last_layers.value_or(0) ||
           (choice_.freeze_first_layers && layer >= *choice_.freeze_first_layers);
  }

  bool trains(const model::NamedTensor& parameter) const {
    const int64_t layer = layer_of(parameter.name);
    const bool is_bias = ends_with(parameter.name, ".bias"), is_norm = parameter.tensor->dim() == 1 && !is_bias;
    const bool is_head = module_of(parameter.name) == head_;
    const bool any_module = choice_.modules.empty() && !pattern_;
    if (choice_.biases && is_bias) return true;
    if (is_norm && (choice_.norms == "all" || (choice_.norms == "final" && layer < 0))) return true;
    if ((choice_.embeddings && is_embedding(parameter)) || (choice_.head && is_head)) return true;
    if (choice_.head && is_embedding(parameter) && !tied_head_.empty()) return true;
    if (!any_module && !in_modules(parameter)) return false;
    if (layer >= 0 && chooses_layers()) return in_layers(layer);
    return !any_module;
  }

  Parameters parameters_;
  const PartialChoice& choice_;
  int64_t layers_;
  std::string head_, tied_head_;
  std::optional<Pattern> pattern_;
};

}  // namespace

void register_method_partial(Registry<MethodKind>& registry) {
  registry.add({"partial",
                "chosen layers, modules, embeddings, norms or biases; the rest frozen",
                {[](model::Decoder& decoder, const MethodOptions& options) -> std::unique_ptr<Method> {
                   return std::make_unique<BaseWeights>(decoder, options, Selection(decoder, options.partial).names());
                 },
                 /*trains_base=*/false}});
}

}  // namespace hone::tune
