#include "serve/inference/tool_choice.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"

namespace hone::serve {
namespace {

constexpr size_t kMostTools = 128;

generate::CallableTool read_function(const Fields& function) {
  generate::CallableTool tool{.name = function.text("name", 1, 64), .parameters = {}};
  const auto odd = [](char c) { return c != '_' && c != '-' && std::isalnum(static_cast<unsigned char>(c)) == 0; };
  if (std::any_of(tool.name.begin(), tool.name.end(), odd)) {
    refuse("Invalid '" + function.path("name") +
               "': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
           function.path("name"), "invalid_value");
  }
  tool.strict = function.boolean("strict").value_or(false);
  const Json* given = function.object("parameters");
  Json parameters = given != nullptr
                        ? *given
                        : Json{{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  // Arguments are an object whether the schema says so or not.
  if (!parameters.contains("type") && !tool.strict) parameters["type"] = "object";
  if (parameters.contains("type") && parameters["type"] != "object") {
    refuse("Invalid schema for function '" + tool.name +
               "': schema must be a JSON Schema of 'type: \"object\"', got 'type: " +
               excerpt(to_line(parameters["type"]), 40) + "'.",
           function.path("parameters"), "invalid_function_parameters");
  }
  tool.parameters = to_line(parameters);
  return tool;
}

std::vector<generate::CallableTool> read_tools(const Json& given, bool legacy) {
  const std::string list = legacy ? "functions" : "tools";
  if (given.size() > kMostTools) {
    refuse(format("Invalid '%s': array too long. Expected an array with maximum length %zu.", list.c_str(), kMostTools),
           list, "array_above_max_length");
  }
  std::vector<generate::CallableTool> tools;
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string path = format("%s[%zu]", list.c_str(), i);
    if (!given[i].is_object()) refuse("Invalid type for '" + path + "': expected an object.", path, "invalid_type");
    const Fields tool(given[i], path);
    if (legacy) {
      tools.push_back(read_function(tool));
      continue;
    }
    if (!tool.choice("type", {"function"})) tool.missing("type");
    const Json* function = tool.object("function");
    if (function == nullptr) tool.missing("function");
    tools.push_back(read_function(Fields(*function, path + ".function")));
  }
  return tools;
}

[[noreturn]] void refuse_choice(const std::string& what, const std::string& param) {
  refuse("Invalid value for '" + param + "': " + what + ".", param, "invalid_value");
}

/// Leaves what `names` names, each of which must be there.
void keep(std::vector<generate::CallableTool>& tools, const std::vector<std::string>& names, const std::string& param) {
  for (const std::string& name : names) {
    if (std::none_of(tools.begin(), tools.end(), [&](const auto& tool) { return tool.name == name; })) {
      refuse_choice("no function named '" + excerpt(name, 64) + "' was specified in the 'tools' parameter", param);
    }
  }
  std::erase_if(tools,
                [&](const auto& tool) { return std::find(names.begin(), names.end(), tool.name) == names.end(); });
}

std::string named_function(const Json& tool, const std::string& path) {
  const Fields fields(tool, path);
  if (!fields.choice("type", {"function"})) fields.missing("type");
  const Json* function = fields.object("function");
  if (function == nullptr) fields.missing("function");
  return Fields(*function, path + ".function").text("name", 1);
}

/// {"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}
void read_allowed(const Fields& choice, ToolUse& use) {
  const Json* allowed = choice.object("allowed_tools");
  if (allowed == nullptr) choice.missing("allowed_tools");
  const Fields fields(*allowed, "tool_choice.allowed_tools");
  const auto mode = fields.choice("mode", {"auto", "required"});
  if (!mode) fields.missing("mode");
  const Json* tools = fields.array("tools");
  if (tools == nullptr) fields.missing("tools");
  std::vector<std::string> names;
  for (size_t i = 0; i < tools->size(); ++i) {
    const std::string path = format("tool_choice.allowed_tools.tools[%zu]", i);
    if (!(*tools)[i].is_object()) refuse("Invalid type for '" + path + "': expected an object.", path, "invalid_type");
    names.push_back(named_function((*tools)[i], path));
  }
  if (names.empty()) refuse_choice("no tool is allowed", "tool_choice.allowed_tools.tools");
  keep(use.callable, names, "tool_choice");
  use.choice = *mode == "auto" ? ToolUse::Choice::kAuto : ToolUse::Choice::kRequired;
  use.constrained = true;
}

void read_choice(const Json& choice, const std::string& param, ToolUse& use) {
  use.choice = ToolUse::Choice::kAuto;
  if (choice == "auto") return;
  if (choice == "none") {
    use.choice = ToolUse::Choice::kNone;
  } else if (choice == "required" && !use.legacy) {
    use.choice = ToolUse::Choice::kRequired;
  } else if (!choice.is_object()) {
    refuse_choice(use.legacy ? "expected 'none', 'auto' or an object with a name"
                             : "expected 'none', 'auto', 'required' or an object",
                  param);
  } else if (use.legacy) {
    keep(use.callable, {Fields(choice, param).text("name", 1)}, param);
    use.choice = ToolUse::Choice::kNamed;
  } else if (const Fields fields(choice, param); fields.text("type") == "allowed_tools") {
    read_allowed(fields, use);
  } else {
    keep(use.callable, {named_function(choice, param)}, param);
    use.choice = ToolUse::Choice::kNamed;
  }
}

}  // namespace

ToolUse read_tool_use(const Fields& fields) {
  ToolUse use;
  use.legacy = !fields.has("tools") && fields.has("functions");
  const std::string param = use.legacy || !fields.has("tool_choice") ? "function_call" : "tool_choice";
  const Json* tools = fields.array(use.legacy ? "functions" : "tools");
  const Json* choice = fields.find(param);
  use.parallel = fields.boolean("parallel_tool_calls").value_or(true) && !use.legacy;
  if (tools == nullptr || tools->empty()) {
    if (choice != nullptr && *choice != "none" && *choice != "auto") {
      refuse("Invalid value for '" + param + "': '" + param + "' is only allowed when '" +
                 (param == "tool_choice" ? "tools" : "functions") + "' are specified.",
             param, "invalid_value");
    }
    return use;
  }
  use.callable = read_tools(*tools, use.legacy);
  read_choice(choice != nullptr ? *choice : Json("auto"), param, use);
  if (use.choice == ToolUse::Choice::kNamed) use.parallel = false;
  const bool strict =
      std::any_of(use.callable.begin(), use.callable.end(), [](const auto& tool) { return tool.strict; });
  use.constrained = use.choice != ToolUse::Choice::kNone &&
                    (use.constrained || use.forced() || strict || (!use.parallel && !use.legacy));
  return use;
}

}  // namespace hone::serve
