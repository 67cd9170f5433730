// Any bytes as a chat template, and the text behind the first NUL as the content of its messages: rendered,
// or refused with a fault that lies in the template; twice the same. The limits are tight, so that no input
// takes long.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "text/jinja/parser.h"
#include "text/jinja/renderer.h"

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
  using namespace hone::text::jinja;
  Limits limits;
  limits.work = 200'000;
  limits.string_bytes = 1 << 20;
  limits.collection_items = 100'000;
  const std::string source = bytes.substr(0, end);
  try {
    const Program program = parse(source, {});
    Renderer first(program, limits, false), second(program, limits, true);
    const std::string text = first.render(variables);
    if (source.find("strftime_now") != std::string::npos) return 0;  // the clock moves on
    if (second.render(variables) != text) std::abort();
    for (const auto& [from, to] : second.generation_ranges()) {
      if (from > to || to > text.size()) std::abort();
    }
  } catch (const Fault& fault) {
    if (fault.at > source.size()) std::abort();
  }
  return 0;
}
