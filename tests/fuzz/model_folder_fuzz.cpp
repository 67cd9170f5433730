// Any bytes as config.json of a model and as adapter_config.json: settings or an error that says what is wrong.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "exchange/lora_settings.h"
#include "model/config.h"
#include "model/encoder.h"

namespace {

/// The adapter's reader takes a file; this one never touches a disk.
std::string in_memory(const uint8_t* data, size_t size, int& descriptor) {
  descriptor = ::memfd_create("adapter_config.json", 0);
  if (descriptor < 0 || ::write(descriptor, data, size) != static_cast<ssize_t>(size)) std::abort();
  return "/proc/self/fd/" + std::to_string(descriptor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto config = hone::model::config_from_json(hone::parse_json(text, "config.json"), "config.json");
    if (config.num_attention_heads < 1 || config.num_attention_heads % config.num_key_value_heads != 0) std::abort();
  } catch (const hone::Error&) {
  }
  try {
    const auto config = hone::model::encoder_config_from_json(hone::parse_json(text, "config.json"), "config.json");
    if (config.blocks.head_dim * config.blocks.num_attention_heads != config.blocks.hidden_size) std::abort();
  } catch (const hone::Error&) {
  }
  int descriptor = -1;
  const std::string file = in_memory(data, size, descriptor);
  try {
    if (hone::exchange::read_adapter_config(file).r < 1) std::abort();
  } catch (const hone::Error&) {
  }
  ::close(descriptor);
  return 0;
}
