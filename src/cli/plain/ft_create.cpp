// hone ft create: upload, create, and follow.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/plain/ft_common.h"

namespace hone::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  FtOptions server;
  client::JobSettings job;
  std::vector<std::string> metadata;
  double interval = 1;
  bool wait = false;
};

void read_metadata(Options& options) {
  for (const std::string& pair : options.metadata) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos)
      fail_input("--metadata", "\"" + excerpt(pair, 80) + "\" is not KEY=VALUE", "write --metadata team=support");
    options.job.metadata[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
}

/// An id as it is; a file here is uploaded. "file-…" is an id even where a file of that name lies (./file-… is the
/// file).
std::string file_id(client::FineTune& server, const std::string& given, const char* option) {
  constexpr double kLarge = 8 << 20;
  if (starts_with(given, "file-") || given.empty()) return given;
  std::error_code fault;
  if (!fs::exists(given, fault) && given.find_first_of("/.") == std::string::npos)
    return given;  // ids of other servers
  if (!fs::exists(given, fault)) require_exists(given, std::string("file of ") + option);
  if (!fs::is_regular_file(given, fault))
    fail_input(given, "is no file", "give a JSONL file, or the id of a file there");
  const auto size = static_cast<double>(fs::file_size(given));
  std::optional<Progress> bar;
  if (size >= kLarge) bar.emplace("upload " + fs::path(given).filename().string(), size / 1e6, "MB");
  const auto on_sent = [&](int64_t sent, int64_t) {
    if (bar) bar->update(std::min(static_cast<double>(sent), size) / 1e6);
    return !interrupted();
  };
  try {
    return server.upload(given, on_sent).id;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted) throw;
  }
  throw Error(ErrorKind::kInterrupted, given, "was not uploaded as a whole, and no job was created");
}

void tell(const client::Job& job, bool json) {
  std::fputs(json ? (job.json + "\n").c_str() : job_text(job).c_str(), stdout);
  std::fflush(stdout);
}

void create(Options& options, client::FineTune& server) {
  options.job.training_file = file_id(server, options.job.training_file, "--training-file");
  options.job.validation_file = file_id(server, options.job.validation_file, "--validation-file");
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "", "no job was created");
  client::Job job = server.create(options.job);
  if (!options.wait) {
    tell(job, options.server.json);
    return;
  }
  say("created " + job.id);
  JobView view;
  job = follow_job(server, job.id, options.interval, [&](const auto& events) { view.show(events); });
  view.finish();
  tell(job, options.server.json);
  if (job.status == "succeeded") return;
  set_exit_code(1);
  const std::string reason = job.error_message.empty() ? "" : ": " + job.error_message;
  say("error: " + job.id + " " + (job.status == "failed" ? "failed" : "was " + job.status) + reason +
      "\n  fix: hone ft events " + job.id + " says what happened");
}

}  // namespace

void set_up_ft_create(CLI::App& app) {
  auto options = std::make_shared<Options>();
  client::JobSettings& job = options->job;
  app.add_option("--training-file", job.training_file, "File to upload, or the id of one that is there")
      ->required()
      ->type_name("FILE|ID");
  app.add_option("--validation-file", job.validation_file, "The same, for the loss on data not trained on")
      ->type_name("FILE|ID");
  app.add_option("--model", job.model, "Base model, by the server's name for it")->required();
  app.add_option("--suffix", job.suffix, "Part of the new model's name");
  app.add_option("--method", job.method, "supervised or dpo (default: the server's, supervised)")
      ->check(CLI::IsMember({"supervised", "dpo"}));
  app.add_option("--n-epochs", job.n_epochs, "Passes over the data (default: the server decides)");
  app.add_option("--batch-size", job.batch_size, "Examples a step (default: the server decides)");
  app.add_option("--learning-rate-multiplier", job.learning_rate_multiplier, "Of the server's rate")->type_name("X");
  app.add_option("--beta", job.beta, "dpo: how close to stay to the base");
  app.add_option("--seed", job.seed, "The same seed and data give the same model");
  app.add_option("--metadata", options->metadata, "KEY=VALUE, to find the job by; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app.add_flag("--wait", options->wait, "Follow the job; exit code 0 when it succeeded, else 1");
  app.add_option("--interval", options->interval, "Seconds between looks at the job")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  add_ft_options(app, options->server);
  app.footer(
      "Ctrl-C leaves the job running.\nExample: hone ft create --training-file train.jsonl --model "
      "gpt-4o-mini-2024-07-18 --suffix support --wait");
  app.callback([options] {
    if (options->job.beta && options->job.method != "dpo")
      fail_input("--beta", "belongs to the method dpo", "add --method dpo");
    read_metadata(*options);
    catch_interrupts("ending");
    with_server(options->server, [&](client::FineTune& server) { create(*options, server); });
  });
}

}  // namespace hone::cli
