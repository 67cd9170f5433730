#include "serve/inference/tool_calls.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"

namespace hone::serve {
namespace {

std::optional<ToolCall> call_of(const Json& value) {
  if (!value.is_object() || !value.contains("name") || !value["name"].is_string()) return std::nullopt;
  const char* key = value.contains("arguments") ? "arguments" : "parameters";
  if (!value.contains(key)) return std::nullopt;
  const Json& arguments = value[key];
  // Some models write the arguments as text already.
  if (arguments.is_string()) return ToolCall{value["name"], arguments};
  if (!arguments.is_object()) return std::nullopt;
  return ToolCall{value["name"], to_line(arguments)};
}

/// One call or a list of them; nothing unless every part is one.
std::vector<ToolCall> calls_of(std::string_view text) {
  const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<ToolCall> calls;
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& item : list) {
    std::optional<ToolCall> call = call_of(item);
    if (!call) return {};
    calls.push_back(*std::move(call));
  }
  return calls;
}

}  // namespace

ParsedAnswer parse_tool_calls(const std::string& answer) {
  constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>", kMistral = "[TOOL_CALLS]";
  ParsedAnswer parsed;
  const std::string_view all = answer;
  if (const size_t mark = all.find(kMistral); mark != std::string_view::npos) {
    parsed.calls = calls_of(trim(all.substr(mark + kMistral.size())));
    parsed.text = trim(all.substr(0, mark));
  } else {
    size_t at = 0;
    for (size_t open = all.find(kOpen); open != std::string_view::npos; open = all.find(kOpen, at)) {
      const size_t inside = open + kOpen.size(), close = std::min(all.find(kClose, inside), all.size());
      parsed.text += all.substr(at, open - at);
      for (ToolCall& call : calls_of(trim(all.substr(inside, close - inside)))) parsed.calls.push_back(std::move(call));
      at = std::min(close + kClose.size(), all.size());
    }
    parsed.text = trim(parsed.text + std::string(all.substr(at)));
    if (parsed.calls.empty()) {
      parsed.calls = calls_of(trim(all));
      if (!parsed.calls.empty()) parsed.text.clear();
    }
  }
  if (parsed.calls.empty()) parsed.text = answer;
  return parsed;
}

std::optional<ToolCall> cut_off_call(const std::string& answer, const CallForm& form) {
  const size_t call = answer.rfind(form.frame.before);
  if (call == std::string::npos) return std::nullopt;
  const size_t name = call + form.frame.before.size(), middle = answer.find(form.frame.middle, name);
  if (middle == std::string::npos) return std::nullopt;
  return ToolCall{answer.substr(name, middle - name), answer.substr(middle + form.frame.middle.size())};
}

}  // namespace hone::serve
