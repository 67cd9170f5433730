// Any bytes as a chat template, and the text behind the first NUL as the content of its messages: rendered,
// or refused with an Error that says where; twice the same.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t end = bytes.find('\0');
  const std::string content = end == std::string::npos ? "안녕 \"world\"\n" : bytes.substr(end + 1);
  const hone::Json variables = {{"messages",
                                 {{{"role", "user"}, {"content", content}},
                                  {{"role", "assistant"},
                                   {"content", nullptr},
                                   {"tool_calls", {{{"function", {{"name", "f"}, {"arguments", {{"a", 1.5}}}}}}}}}}},
                                {"tools", {{{"type", "function"}}}},
                                {"n", 3},
                                {"add_generation_prompt", true},
                                {"bos_token", "<s>"},
                                {"eos_token", "</s>"}};
  try {
    const hone::text::ChatTemplate chat(bytes.substr(0, end), "fuzz");
    const std::string first = chat.render(variables);
    std::vector<std::pair<size_t, size_t>> ranges;
    if (bytes.find("strftime_now") == std::string::npos && chat.render(variables, ranges) != first) std::abort();
    for (const auto& [from, to] : ranges) {
      if (from > to || to > first.size()) std::abort();
    }
  } catch (const hone::Error& error) {
    if (error.place().rfind("fuzz:", 0) != 0) std::abort();
  }
  return 0;
}
