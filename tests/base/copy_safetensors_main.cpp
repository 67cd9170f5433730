// Reads a safetensors file and writes what it holds to another, for the tests that compare both with the
// reference library: copy_safetensors FROM TO. A file that cannot be read ends with 2 and the reason.
#include <cstdio>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/safetensors.h"

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  try {
    const hone::SafetensorsFile file(argv[1]);
    std::vector<hone::TensorToStore> tensors;
    for (const hone::StoredTensor& tensor : file.tensors()) {
      tensors.push_back({tensor.name, tensor.type, tensor.shape, file.data(tensor)});
    }
    hone::write_safetensors(argv[2], std::move(tensors), file.metadata());
    return 0;
  } catch (const hone::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
