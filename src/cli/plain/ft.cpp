// hone ft …: fine-tuning jobs of a server, hone serve or any that speaks OpenAI's API.
#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace hone::cli {

#define FT_COMMAND(name, summary) void set_up_ft_##name(CLI::App&);
#include "cli/plain/ft_commands.def"
#undef FT_COMMAND

void set_up_ft(CLI::App& app) {
  app.require_subcommand(1);
  app.footer(
      "The server and its key stand in the environment:\n  export OPENAI_BASE_URL=http://127.0.0.1:8000/v1 "
      "OPENAI_API_KEY=…");
#define FT_COMMAND(name, summary) set_up_ft_##name(*app.add_subcommand(#name, summary));
#include "cli/plain/ft_commands.def"
#undef FT_COMMAND
}

}  // namespace hone::cli
