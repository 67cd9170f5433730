// Runs a fuzz target over every file of the folders named on the command line, and over each file
// cut short at several places, so that truncation is tested even without a fuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      const std::string content = hone::read_file(entry.path());
      const auto* bytes = reinterpret_cast<const uint8_t*>(content.data());
      for (size_t part = 0; part <= 8; ++part) LLVMFuzzerTestOneInput(bytes, content.size() * part / 8);
      ++files;
    }
  }
  std::printf("%zu corpus files\n", files);
  return files == 0;  // an empty corpus tests nothing
}
