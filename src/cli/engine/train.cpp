// hone train CONFIG.yaml [key=value …]: run, plan or continue a fine-tune.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/plan_text.h"
#include "tune/run.h"

namespace hone::cli {
namespace {

struct Options {
  std::string config, device = "cpu", resume_from;
  std::vector<std::string> overrides;
  int threads = 0;
  bool json = false, dry_run = false, resume = false, ignore_memory = false;
};

void print_summary(const tune::TrainSummary& s) {
  say(format("done      %ld steps in %s, %s tokens/s, training loss %.4f%s, peak memory %s", s.steps,
             human_seconds(s.seconds).c_str(), with_commas(static_cast<long long>(s.tokens_per_second)).c_str(),
             s.train_loss, s.last_eval_loss ? format(", validation loss %.4f", *s.last_eval_loss).c_str() : "",
             human_bytes(static_cast<double>(s.peak_memory_bytes)).c_str()));
  say("result    " + s.output_dir);
}

void run(const Options& options) {
  catch_interrupts();
  recipe::TrainConfig config = recipe::read_train_config(options.config, options.overrides);
  if (options.resume) config.training.resume_from_checkpoint = "latest";
  if (!options.resume_from.empty()) config.training.resume_from_checkpoint = options.resume_from;
  tune::RunOptions run_options;
  run_options.device = options.device;
  run_options.threads = options.threads;
  run_options.dry_run = options.dry_run;
  run_options.check_memory = !options.ignore_memory;
  run_options.probe_seconds = kProbeSeconds;
  run_options.on_plan = [&](const tune::RunPlan& plan) {
    print_plan(plan, config);
    print_costs(plan, options.dry_run ? Costs::kTable : Costs::kLine);
    if (options.dry_run && options.json) std::printf("%s\n", to_line(plan.estimate_json()).c_str());
  };
  const tune::TrainSummary summary = tune::run_training(config, run_options);
  if (options.dry_run) return;
  print_summary(summary);
  if (options.json) std::printf("%s\n", to_line(summary.to_json()).c_str());
}

}  // namespace

void set_up_train(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("config", options->config, "Configuration file (docs/configuration.md)")
      ->required()
      ->type_name("CONFIG.yaml");
  app.add_option("overrides", options->overrides, "Settings that overrule the file: training.learning_rate=1e-4")
      ->type_name("KEY=VALUE");
  app.add_flag("--resume", options->resume,
               "Continue from the newest checkpoint of output_dir (from the start if there is none)");
  app.add_option("--resume-from", options->resume_from, "Continue from this checkpoint folder")->type_name("DIR");
  app.add_flag("--dry-run", options->dry_run,
               "Read everything, print the plan with what it costs (hone estimate), train nothing");
  app.add_flag("--no-memory-check", options->ignore_memory, "Start even if the run does not seem to fit into memory");
  app.add_option("--device", options->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  app.add_option("--threads", options->threads, "Threads (0: all cores)")->capture_default_str();
  app.add_flag("--json", options->json, "Print the run's summary as one JSON document on standard output");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
