// The program `hone-engine`: the commands that need libtorch. Started by `hone`, not by people.
#include "cli/command.h"
#include "tensor/cpu/allocator.h"

#define PLAIN_COMMAND(name, summary)
#define ENGINE_COMMAND(name, summary) \
  namespace hone::cli {               \
  void set_up_##name(CLI::App&);      \
  }
#include "cli/commands.def"
#undef PLAIN_COMMAND
#undef ENGINE_COMMAND

int main(int argc, char** argv) {
  hone::tensor::cpu::use_heap();
  static constexpr hone::cli::Command kCommands[] = {
#define PLAIN_COMMAND(name, summary)
#define ENGINE_COMMAND(name, summary) {#name, summary, hone::cli::set_up_##name},
#include "cli/commands.def"
#undef PLAIN_COMMAND
#undef ENGINE_COMMAND
  };
  return hone::cli::run_program(kCommands, argc, argv);
}
