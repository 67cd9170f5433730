#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>

#include "base/failures.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/command.h"

namespace hone::cli {
namespace {

int exit_code = 0;

const char* kind_name(const Error& error) {
  if (dynamic_cast<const DiskFull*>(&error) != nullptr) return "disk_full";
  if (dynamic_cast<const OutOfMemory*>(&error) != nullptr) return "out_of_memory";
  const char* kinds[] = {"input", "failure", "interrupted"};
  return kinds[static_cast<int>(error.kind())];
}

int report(const Error& error, bool json) {
  if (json) {
    const Json document = {{"error",
                            {{"kind", kind_name(error)},
                             {"place", error.place()},
                             {"message", error.message()},
                             {"fix", error.remedy()}}}};
    std::printf("%s\n", to_line(document).c_str());
  }
  std::fprintf(stderr, "%s%s\n", error.kind() == ErrorKind::kInterrupted ? "" : "error: ", error.what());
  return error.exit_code();
}

/// An exception of a library, which says what but neither where nor what to do. libtorch adds a stack
/// trace to its message; only the first line is for people.
int report_library(const std::exception& fault, bool json) {
  const std::string text = fault.what();
  const bool memory = dynamic_cast<const std::bad_alloc*>(&fault) != nullptr ||
                      text.find("allocate memory") != std::string::npos ||
                      text.find("out of memory") != std::string::npos;
  if (memory) {
    return report(OutOfMemory("", "out of memory: " + text.substr(0, text.find('\n')),
                              "use a smaller batch, data.max_length or model, turn on training.gradient_checkpointing, "
                              "or free memory on this machine; what was saved before is whole"),
                  json);
  }
  return report(Error(ErrorKind::kFailure, "", text.substr(0, text.find("\nException raised from"))), json);
}

}  // namespace

void set_exit_code(int code) {
  exit_code = code;
}

int run_program(std::span<const Command> commands, int argc, char** argv) {
  // A file that reaches the limit of its size is a full disk (DiskFull), not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app{"hone: from a pre-trained language model and your own data to a specialised model"};
  app.name("hone");
  app.require_subcommand(1);
  app.set_version_flag("--version", HONE_VERSION);
  app.get_formatter()->column_width(38);
  app.footer("hone COMMAND --help says more. Exit codes: 0 done, 1 the work failed, 2 the input was wrong.");
  std::vector<std::string> names;
  for (const Command& command : commands) {
    names.emplace_back(command.name);
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    // Building every command's options would cost each start; only the one asked for is set up.
    if (argc > 1 && std::strcmp(argv[1], command.name) == 0) command.set_up(*sub);
  }
  bool json = false;
  for (int i = 1; i < argc; ++i) json = json || std::strcmp(argv[i], "--json") == 0;
  if (argc > 1 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end()) {
    return report(Error(ErrorKind::kInput, "",
                        "unknown command \"" + std::string(argv[1]) + "\";" + did_you_mean(argv[1], names) +
                            " known: " + join(names, ", ")),
                  json);
  }
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& fault) {
    if (fault.get_exit_code() == 0) return app.exit(fault);  // --help, --version
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "hone" : "hone " + chosen.front()->get_name();
    return report(Error(ErrorKind::kInput, command, fault.what(), command + " --help lists the options"), json);
  } catch (const Error& error) {
    return report(error, json);
  } catch (const std::exception& fault) {
    return report_library(fault, json);
  }
}

}  // namespace hone::cli
