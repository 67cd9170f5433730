#include "cli/plain/ft_common.h"

#include <CLI/CLI.hpp>
#include <ctime>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/strings.h"

namespace hone::cli {
namespace {

std::string time_text(int64_t seconds, const char* pattern) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (seconds <= 0 || ::localtime_r(&whole, &parts) == nullptr) return "";
  char text[64];
  return {text, std::strftime(text, sizeof text, pattern, &parts)};
}

std::string why(int status) {
  if (status == 0) return "no answer";
  return status == 429 ? "the server is busy (429)" : "the server answered " + std::to_string(status);
}

}  // namespace

void add_ft_options(CLI::App& app, FtOptions& options) {
  app.add_option("--base-url", options.base_url,
                 "Address of the server (default: OPENAI_BASE_URL, else http://127.0.0.1:8000/v1)")
      ->type_name("URL");
  app.add_option("--api-key", options.api_key, "Better in OPENAI_API_KEY: others on this machine see command lines")
      ->type_name("KEY");
  app.add_option("--ca-file", options.certificates, "PEM file of certificates to trust besides the system's")
      ->type_name("FILE");
  app.add_option("--retries", options.retries, "Repetitions after a lost connection, 408, 409, 429 and 5xx")
      ->capture_default_str()
      ->check(CLI::Range(0, 20));
  app.add_flag("--json", options.json, "Print JSON, as the server has it");
}

void with_server(const FtOptions& options, const std::function<void(client::FineTune&)>& work) {
  client::Endpoint endpoint = client::endpoint_from(options.base_url, options.api_key);
  endpoint.certificates = options.certificates;
  client::FineTune server(endpoint);
  server.set_retries(options.retries);
  server.on_wait([](int status, double seconds) {
    constexpr double kWorthSaying = 2;
    if (seconds >= kWorthSaying) say(why(status) + "; trying again in " + format("%.0f s", seconds));
  });
  try {
    work(server);
  } catch (const net::NoAnswer& error) {
    fail_work(endpoint.base_url, error.message(),
              "start a server there (hone serve --model MODEL), or name another with --base-url or OPENAI_BASE_URL");
  }
}

std::string job_text(const client::Job& job) {
  std::string text;
  const auto line = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) text += pad(name, 16) + value + "\n";
  };
  line("job", job.id);
  line("status", job.status);
  line("base", job.model);
  line("model", job.fine_tuned_model);
  line("training file", job.training_file);
  line("result file", join(job.result_files, ", "));
  if (job.trained_tokens) line("trained tokens", with_commas(*job.trained_tokens));
  line("created", time_text(job.created_at, "%Y-%m-%d %H:%M:%S"));
  line("finished", time_text(job.finished_at.value_or(0), "%Y-%m-%d %H:%M:%S"));
  line("error", job.error_message + (job.error_code.empty() ? "" : " (" + job.error_code + ")"));
  return text;
}

std::string event_text(const client::Event& event) {
  const std::string level = event.level.empty() || event.level == "info" ? "" : event.level + ": ";
  return pad(time_text(event.created_at, "%H:%M:%S"), 8) + "  " + level + excerpt(event.message, 2000);
}

void JobView::show(const std::vector<client::Event>& events) {
  const client::Event* last = nullptr;
  for (const client::Event& event : events) {
    if (event.step && event.total_steps) {
      last = &event;
    } else {
      say(event_text(event));
    }
  }
  if (last == nullptr) return;
  if (!bar_) {
    bar_ = std::make_unique<Progress>("training", static_cast<double>(*last->total_steps), "steps");
    bar_->start_at(static_cast<double>(*last->step));  // those before it were not timed here
  }
  bar_->update(static_cast<double>(*last->step), last->train_loss ? format("loss %.4f", *last->train_loss) : "");
}

void JobView::finish() {
  bar_.reset();
}

client::Job follow_job(client::FineTune& server, const std::string& job, double interval,
                       const std::function<void(const std::vector<client::Event>&)>& on_events) {
  client::FollowOptions options;
  options.interval_seconds = interval;
  options.stopped = [] { return interrupted(); };
  options.on_change = [&](const client::Job&, const std::vector<client::Event>& events) { on_events(events); };
  options.on_trouble = [](const Error& error) { say(error.message() + "; the job is looked for until it answers"); };
  client::Job last = client::follow(server, job, options);
  if (!last.ended()) {
    throw Error(ErrorKind::kInterrupted, job, "goes on; only looking at it has ended",
                "hone ft events " + job + " --follow looks again, hone ft cancel " + job + " stops it");
  }
  return last;
}

}  // namespace hone::cli
