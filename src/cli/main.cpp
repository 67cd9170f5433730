// The program `hone`. It never links libtorch: commands that need tensors run in hone-engine, which
// lies beside it and takes over this very process (same id, same terminal, same signals).
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "cli/command.h"

#define PLAIN_COMMAND(name, summary) \
  namespace hone::cli {              \
  void set_up_##name(CLI::App&);     \
  }
#define ENGINE_COMMAND(name, summary)
#include "cli/commands.def"
#undef PLAIN_COMMAND
#undef ENGINE_COMMAND

namespace {

/// Turns this process into hone-engine; returns only if that fails.
int become_engine(char** argv) {
  std::error_code failure;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failure);
  // Idle OpenMP threads spin before they sleep. On a machine that others use too, that steals the very
  // cores the work waits for (measured: a step took four times as long beside two compilers), so spin briefly.
  ::setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);
  // oneDNN keeps 1,024 kernels of half a megabyte, and so does what libtorch puts around it: on data of many lengths
  // hundreds of megabytes. This many serve a training step.
  ::setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128", /*overwrite=*/0);
  ::setenv("LRU_CACHE_CAPACITY", "128", /*overwrite=*/0);
  const std::string engine = (self.parent_path() / "hone-engine").string();
  ::execv(engine.c_str(), argv);
  std::fprintf(stderr, "error: %s: cannot be started: %s\n  fix: build it with `make build`; it lies beside hone\n",
               engine.c_str(), std::strerror(errno));
  return 1;
}

void engine_set_up(CLI::App&) {}

constexpr hone::cli::Command kCommands[] = {
#define PLAIN_COMMAND(name, summary) {#name, summary, hone::cli::set_up_##name},
#define ENGINE_COMMAND(name, summary) {#name, summary, engine_set_up},
#include "cli/commands.def"
#undef PLAIN_COMMAND
#undef ENGINE_COMMAND
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& command : kCommands) {
    if (argc > 1 && command.set_up == engine_set_up && std::strcmp(argv[1], command.name) == 0) {
      return become_engine(argv);
    }
  }
  return hone::cli::run_program(kCommands, argc, argv);
}
