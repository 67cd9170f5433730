// hone ft list, retrieve, cancel, delete.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/plain/ft_common.h"

namespace hone::cli {
namespace {

struct Options {
  FtOptions server;
  std::string id, after;
  int64_t limit = 20;
};

std::string age_text(int64_t since) {
  const auto seconds = std::max<int64_t>(0, std::time(nullptr) - since);
  constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;
  if (since <= 0) return "";
  if (seconds < kMinute) return std::to_string(seconds) + " s";
  if (seconds < 2 * kHour) return std::to_string(seconds / kMinute) + " min";
  return seconds < 2 * kDay ? std::to_string(seconds / kHour) + " h" : std::to_string(seconds / kDay) + " days";
}

/// Tokens once there are any, else the step of the newest event that names one.
std::string progress_text(client::FineTune& server, const client::Job& job) {
  if (job.trained_tokens) return with_commas(*job.trained_tokens) + " tokens";
  if (job.status != "running" && job.status != "paused") return "";
  for (const client::Event& event : server.events(job.id).items) {
    if (event.step && event.total_steps) return format("step %ld of %ld", *event.step, *event.total_steps);
  }
  return "";
}

void list(const Options& options, client::FineTune& server) {
  const client::Page<client::Job> page = server.list(options.limit, options.after);
  if (options.server.json) {
    Json data = Json::array();
    for (const client::Job& job : page.items) data.push_back(parse_json(job.json, job.id));
    std::printf("%s\n", to_line({{"object", "list"}, {"data", std::move(data)}, {"has_more", page.has_more}}).c_str());
    return;
  }
  Table table({"job", "model", "status", "progress", "age"});
  for (const client::Job& job : page.items) {
    table.add({job.id, job.fine_tuned_model.empty() ? job.model : job.fine_tuned_model, job.status,
               progress_text(server, job), age_text(job.created_at)});
  }
  std::fputs(page.items.empty() ? "no jobs\n" : table.text().c_str(), stdout);
  if (page.has_more && !page.items.empty())
    std::printf("older ones: hone ft list --after %s\n", page.items.back().id.c_str());
}

void print(const client::Job& job, bool json) {
  std::fputs(json ? (job.json + "\n").c_str() : job_text(job).c_str(), stdout);
}

void remove(const Options& options, client::FineTune& server) {
  const Json answer = server.remove(options.id);
  const bool job = answer.value("status", Json()).is_string();
  if (options.server.json)
    std::printf("%s\n", to_line(answer).c_str());
  else
    std::printf("%s %s\n", job ? "cancelled" : "deleted", options.id.c_str());
}

std::shared_ptr<Options> set_up(CLI::App& app, void (*work)(const Options&, client::FineTune&)) {
  auto options = std::make_shared<Options>();
  add_ft_options(app, options->server);
  app.callback(
      [options, work] { with_server(options->server, [&](client::FineTune& server) { work(*options, server); }); });
  return options;
}

}  // namespace

void set_up_ft_list(CLI::App& app) {
  const auto options = set_up(app, list);
  app.add_option("--limit", options->limit, "How many")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--after", options->after, "Those older than this job")->type_name("JOB");
  app.footer("Example: hone ft list --limit 5");
}

void set_up_ft_retrieve(CLI::App& app) {
  const auto options = set_up(
      app, [](const Options& given, client::FineTune& server) { print(server.retrieve(given.id), given.server.json); });
  app.add_option("ID", options->id, "Job")->required();
  app.footer("Example: hone ft retrieve ftjob-abc123 --json");
}

void set_up_ft_cancel(CLI::App& app) {
  const auto options = set_up(
      app, [](const Options& given, client::FineTune& server) { print(server.cancel(given.id), given.server.json); });
  app.add_option("ID", options->id, "Job")->required();
  app.footer("Example: hone ft cancel ftjob-abc123");
}

void set_up_ft_delete(CLI::App& app) {
  const auto options = set_up(app, remove);
  app.add_option("ID", options->id, "Model, file (file-…) or job (ftjob-…)")->required();
  app.footer("Example: hone ft delete ft:gpt-4o-mini-2024-07-18:org:support:abc12345");
}

}  // namespace hone::cli
