// Any bytes as a safetensors file: every tensor of an accepted one lies inside the file.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const hone::SafetensorsHeader header = hone::parse_safetensors_header(bytes, size, "fuzz.safetensors");
    uint64_t covered = header.data_offset;
    for (const hone::StoredTensor& tensor : header.tensors) {
      if (header.data_offset + tensor.begin != covered || tensor.end < tensor.begin) std::abort();
      covered = header.data_offset + tensor.end;
    }
    if (covered != size) std::abort();
  } catch (const hone::Error&) {
  }
  return 0;
}
