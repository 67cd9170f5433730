// Writes declared fields back: as YAML or JSON with every value shown, and as a table for documentation.
#pragma once
#include <string>

#include "base/config/fields.h"
#include "base/json.h"

namespace hone {

/// YAML that ConfigReader reads back to the same values.
std::string config_yaml(const Fields& fields);
/// The same as a JSON object of objects.
Json config_json(const Fields& fields);
/// One Markdown table a section: setting, type, default (the present value), meaning.
std::string config_markdown(const Fields& fields);

}  // namespace hone
