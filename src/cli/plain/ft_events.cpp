// hone ft events: what a job has told, or tells as it goes on.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/interrupt.h"
#include "cli/plain/ft_common.h"

namespace hone::cli {
namespace {

struct Options {
  FtOptions server;
  std::string job, after;
  int64_t limit = 20;
  double interval = 1;
  bool follow = false;
};

void print(const std::vector<client::Event>& events, bool json) {
  for (const client::Event& event : events) std::printf("%s\n", json ? event.json.c_str() : event_text(event).c_str());
  std::fflush(stdout);
}

void events(const Options& options, client::FineTune& server) {
  if (options.follow) {
    follow_job(server, options.job, options.interval, [&](const auto& fresh) { print(fresh, options.server.json); });
    return;
  }
  client::Page<client::Event> page = server.events(options.job, options.limit, options.after);
  std::reverse(page.items.begin(), page.items.end());
  print(page.items, options.server.json);
  if (page.has_more && !page.items.empty())
    say("there are older ones: --limit " + std::to_string(options.limit * 10) + ", or --after " +
        page.items.front().id);
}

}  // namespace

void set_up_ft_events(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("ID", options->job, "Job")->required();
  app.add_flag("--follow", options->follow, "All of them, and new ones as they come, until the job is over");
  app.add_option("--limit", options->limit, "How many of the newest, without --follow")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--after", options->after, "Those older than this event")->type_name("EVENT");
  app.add_option("--interval", options->interval, "Seconds between looks at the job")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  add_ft_options(app, options->server);
  app.footer(
      "The oldest first; with --json one object a line. Ctrl-C leaves the job running.\nExample: hone ft events "
      "ftjob-abc123 --follow");
  app.callback([options] {
    if (options->follow) catch_interrupts("ending");
    with_server(options->server, [&](client::FineTune& server) { events(*options, server); });
  });
}

}  // namespace hone::cli
