// What one command is: a name, a summary, and a function that adds its options to a CLI11 app and
// sets the callback that does the work. One file a command, one line in commands.def.
#pragma once
#include <span>

namespace CLI {
class App;
}

namespace hone::cli {

struct Command {
  const char* name;
  const char* summary;
  void (*set_up)(CLI::App& app);
};

/// Parses the command line, runs the chosen command and returns the exit code: 0 done, 1 the work
/// failed, 2 the input was wrong, 130 stopped on request. Errors go to standard error, and with
/// --json also to standard output as {"error": {"kind", "place", "message", "fix"}}.
int run_program(std::span<const Command> commands, int argc, char** argv);

/// A command may ask for an exit code without an error (e.g. `data check` with fatal findings).
void set_exit_code(int code);

}  // namespace hone::cli
