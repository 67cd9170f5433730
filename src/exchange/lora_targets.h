// Which modules of a model an adapter concerns: which Linears get an update, of which rank and scaling, and
// which weights are trained and saved whole. The rules are PEFT's (tuners_utils.check_target_module_exists and
// utils.other._set_trainable), so that the same settings name the same modules there and here.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/pattern.h"
#include "exchange/lora_settings.h"
#include "model/decoder.h"

namespace hone::exchange {

/// A base weight that the adapter holds itself.
struct WholeTensor {
  model::NamedTensor parameter;
  std::string saved_name;  ///< in PEFT's file, without its prefix
  bool is_copy = false;    ///< the module's own copy (modules_to_save); else one of the base's biases
};

class LoraTargets {
 public:
  /// `place` goes before the names of settings in messages: "lora." or "FILE: ". Every regular expression is
  /// compiled here, once. Settings that contradict each other throw Error.
  LoraTargets(const LoraSettings& settings, std::string place);

  /// The Linears that get an update, in the order of the model; none throws Error with the names there are.
  std::vector<model::Linear*> linears(model::Decoder& decoder) const;
  /// What is trained whole, in the order of the model. Adapted Linears must have their Lora by then: PEFT calls
  /// their biases by another name.
  std::vector<WholeTensor> whole_tensors(model::Decoder& decoder) const;
  /// Stricter than PEFT, for settings that a person wrote: a name that matches nothing, or a value that two
  /// patterns give differently, throws Error.
  void check_names(model::Decoder& decoder) const;

  /// Whether embedding or head is trained whole, so that the two are one tensor no longer.
  bool parts_tied_weights(model::Decoder& decoder) const;
  int64_t rank(const std::string& name) const;
  double scaling(const std::string& name) const;

 private:
  bool adapts(const std::string& name, bool is_head) const;
  bool excluded(const std::string& name) const;
  bool in_layers(const std::string& name) const;
  bool saves(const std::string& module) const;
  void check_saved_are_dense(model::Decoder& decoder) const;
  void check_saved(model::Decoder& decoder) const;

  LoraSettings settings_;
  std::string place_;
  std::optional<Pattern> target_, exclude_;
  std::vector<Pattern> layers_, ranks_, alphas_;  ///< the last two side by side with the settings' lists
};

}  // namespace hone::exchange
