// hone estimate CONFIG.yaml [key=value …]: what a run will take, before it is started.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/engine/plan_text.h"
#include "tune/run.h"

namespace hone::cli {
namespace {

struct Options {
  std::string config, device = "cpu";
  std::vector<std::string> overrides;
  int threads = 0;
  uint64_t memory = 0;
  double cost_per_hour = 0;
  bool json = false, no_probe = false;
};

void run(const Options& options) {
  const recipe::TrainConfig config = recipe::read_train_config(options.config, options.overrides);
  tune::RunOptions run_options;
  run_options.device = options.device;
  run_options.threads = options.threads;
  run_options.dry_run = true;
  run_options.check_memory = false;
  run_options.memory_limit = static_cast<int64_t>(options.memory);
  run_options.probe_seconds = options.no_probe ? 0 : kProbeSeconds;
  run_options.on_plan = [&](const tune::RunPlan& plan) {
    print_plan(plan, config);
    print_costs(plan, Costs::kTable);
    Json json = plan.estimate_json();
    if (plan.probe && options.cost_per_hour > 0) {
      const double cost = options.cost_per_hour * plan.probe->run_seconds / 3600;
      say(format("cost      about %.4g, at %.4g an hour", cost, options.cost_per_hour));
      json["cost"] = cost;
    }
    if (options.json) std::printf("%s\n", to_line(json).c_str());
  };
  tune::run_training(config, run_options);
}

}  // namespace

void set_up_estimate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("config", options->config, "Configuration file (docs/configuration.md)")
      ->required()
      ->type_name("CONFIG.yaml");
  app.add_option("overrides", options->overrides,
                 "Settings that overrule the file: training.gradient_checkpointing=true")
      ->type_name("KEY=VALUE");
  app.add_option("--memory", options->memory, "Memory that the run may take, e.g. 24GiB (default: what is free here)")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  app.add_option("--cost-per-hour", options->cost_per_hour, "What an hour of this machine costs, in any currency")
      ->check(CLI::PositiveNumber);
  app.add_flag("--no-probe", options->no_probe,
               "Do not run steps to see how long they take; the model's weights need not be there");
  app.add_option("--device", options->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  app.add_option("--threads", options->threads, "Threads (0: all cores)")->capture_default_str();
  app.add_flag("--json", options->json, "Print the estimate as one JSON document on standard output");
  app.callback([options] { run(*options); });
}

}  // namespace hone::cli
