// Any bytes as a training configuration: read, or refused with an Error that says where. What is accepted
// must read back from its resolved form unchanged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "recipe/train_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const auto config = hone::recipe::parse_train_config(text, "fuzz.yaml");
    const std::string resolved = hone::recipe::train_config_yaml(config);
    const auto again = hone::recipe::parse_train_config(resolved, "resolved.yaml");
    if (hone::recipe::train_config_yaml(again) != resolved) std::abort();
  } catch (const hone::Error& error) {
    if (error.place().rfind("resolved.yaml", 0) == 0) std::abort();
  }
  return 0;
}
