// hone ft download: a file, or what a job has measured.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/plain/ft_common.h"

namespace hone::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  FtOptions server;
  std::string id, output;
  bool force = false;
};

std::string file_of(client::FineTune& server, const std::string& id) {
  if (!starts_with(id, "ftjob-")) return id;
  const client::Job job = server.retrieve(id);
  if (job.result_files.empty())
    fail_input(id, "has no result file; its status is " + job.status, "a job has one when it has succeeded");
  return job.result_files.front();
}

/// What the server calls the file, as a name in the current folder and nowhere else.
std::string safe_name(const client::File& file) {
  std::string name;
  for (const char c : file.filename.substr(file.filename.find_last_of("/\\") + 1)) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) name += c;
  }
  return name.empty() || name[0] == '.' || name[0] == '-' ? "download" : name;
}

void download(const Options& options, client::FineTune& server) {
  const std::string id = file_of(server, options.id);
  std::error_code fault;
  fs::path path = options.output;
  if (path.empty() || fs::is_directory(path, fault)) path /= safe_name(server.file(id));
  if (fs::is_directory(path, fault)) fail_input(path.string(), "is a folder", "name a file with --output");
  if (fs::exists(path, fault) && !options.force)
    fail_input(path.string(), "is there already", "name another with --output, or replace it with --force");
  server.download(id, path);
  const auto bytes = static_cast<int64_t>(fs::file_size(path));
  if (options.server.json)
    std::printf("%s\n", to_line({{"id", id}, {"path", path.string()}, {"bytes", bytes}}).c_str());
  else
    std::printf("%s: %s bytes\n", path.c_str(), with_commas(bytes).c_str());
}

}  // namespace

void set_up_ft_download(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("ID", options->id, "File (file-…), or a job (ftjob-…) for its result file")->required();
  app.add_option("--output", options->output, "File or folder (default: the file's own name, here)")->type_name("PATH");
  app.add_flag("--force", options->force, "Replace what is there");
  add_ft_options(app, options->server);
  app.footer("The file appears whole or not at all.\nExample: hone ft download ftjob-abc123 --output results.csv");
  app.callback(
      [options] { with_server(options->server, [&](client::FineTune& server) { download(*options, server); }); });
}

}  // namespace hone::cli
