#include "serve/inference/call_forms.h"

#include <string_view>

namespace hone::serve {
namespace {

constexpr size_t kMostCalls = 16;  // in one answer: one that never ends its list must not take the whole context

const CallForm kHermes = {.opening = "<tool_call>",
                          .frame = {.first = {"\n"},
                                    .before = R"({"name": ")",
                                    .middle = R"(", "arguments": )",
                                    .after = "}",
                                    .separator = "\n</tool_call>\n<tool_call>\n",
                                    .last = "\n</tool_call>",
                                    .most = kMostCalls}};
const CallForm kMistral = {.opening = "[TOOL_CALLS]",
                           .frame = {.first = {" [", "["},
                                     .before = R"({"name": ")",
                                     .middle = R"(", "arguments": )",
                                     .after = "}",
                                     .separator = ", ",
                                     .last = "]",
                                     .most = kMostCalls}};
const CallForm kLlama = {.opening = "",
                         .frame = {.first = {},
                                   .before = R"({"name": ")",
                                   .middle = R"(", "parameters": )",
                                   .after = "}",
                                   .separator = "",
                                   .last = ""}};

}  // namespace

const CallForm* call_form_of(const std::string& chat_template) {
  const auto has = [&](std::string_view part) { return chat_template.find(part) != std::string::npos; };
  if (!has("tools")) return nullptr;
  // <function=name> within <tool_call> is another form, and so is [TOOL_CALLS]name[ARGS].
  if (has("<tool_call>")) return has("<function=") || !has("arguments") ? nullptr : &kHermes;
  if (has("[TOOL_CALLS]")) return has("[ARGS]") ? nullptr : &kMistral;
  if (has(R"("parameters": dictionary)")) return &kLlama;
  return nullptr;
}

}  // namespace hone::serve
