// Gives one YAML value to one declared field, checking type, limits and choices.
#pragma once
#include <string>
#include <vector>

#include "base/config/fields.h"
#include "base/config/yaml.h"

namespace hone {

struct ValueFault {
  const YamlNode* node;  ///< where it stands
  std::string inside;    ///< "[2]" or ".q_proj" for a part of a list or map, else ""
  std::string message, remedy;
};

/// Sets the field's target; on a fault the target may keep its old value.
std::vector<ValueFault> assign(const Field& field, const YamlNode& node);

/// `"abc"`, `a list`, `nothing (null)` … for messages.
std::string describe_node(const YamlNode& node);

}  // namespace hone
