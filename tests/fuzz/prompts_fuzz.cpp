// Prompt files: any bytes give examples or an Error.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "data/prompts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    hone::data::PromptReader reader(std::string(reinterpret_cast<const char*>(data), size), "prompts.jsonl");
    while (const auto example = reader.next()) {
      if (!example->messages.empty() && !example->text.empty()) __builtin_trap();
      for (const auto& message : example->messages) {
        if (message.role.empty()) __builtin_trap();
      }
    }
  } catch (const hone::Error&) {
  }
  return 0;
}
