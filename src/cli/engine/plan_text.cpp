#include "cli/engine/plan_text.h"

#include "base/strings.h"
#include "base/terminal.h"

namespace hone::cli {
namespace {

std::string bytes_text(int64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

std::string class_note(const std::string& name, const tune::MemoryPlan& memory) {
  if (name == "gradients" && memory.gradients != memory.all_gradients)
    return format("  (those of all trained tensors: %s)", bytes_text(memory.all_gradients).c_str());
  if (name == "activations" || name == "loss")
    return format("  (micro-batch of %s tokens)", with_commas(memory.micro_batch_tokens).c_str());
  return "";
}

void print_memory(const tune::RunPlan& plan) {
  const tune::MemoryPlan& memory = plan.memory;
  for (const auto& [name, bytes] : memory.classes()) {
    if (bytes > 0)
      say(format("          %-11s %10s%s", name.c_str(), bytes_text(bytes).c_str(), class_note(name, memory).c_str()));
  }
  if (memory.loading > memory.training)
    say("          (the peak is " + bytes_text(memory.loading) + " while the model is read)");
  say(format("          (generation keeps %s more for each 1,024 tokens of context)",
             bytes_text(1024 * memory.cache_bytes_per_token).c_str()));
  if (plan.fits_in_memory()) return;
  say(plan.fits.empty() ? "          no other setting makes it fit" : "          nearest settings that fit:");
  for (const tune::Fit& fit : plan.fits)
    say(format("          %10s  %s", bytes_text(fit.peak).c_str(), join(fit.changes, " ").c_str()));
}

void print_time(const tune::StepProbe& probe, int64_t total_steps) {
  say(format("time      about %s for %ld steps of %.3g s: %s tokens/s (measured on %s tokens)",
             human_seconds(probe.run_seconds).c_str(), total_steps, probe.step_seconds,
             with_commas(static_cast<long long>(probe.tokens_per_second())).c_str(),
             with_commas(probe.tokens).c_str()));
}

}  // namespace

void print_plan(const tune::RunPlan& plan, const recipe::TrainConfig& config) {
  const auto& data = plan.data;
  say(format(
      "data      %s training examples, %s for validation; %s tokens, %.0f%% of them trained%s%s",
      with_commas(data.train_examples).c_str(), with_commas(data.validation_examples).c_str(),
      with_commas(data.train_tokens).c_str(),
      100.0 * static_cast<double>(data.trained_tokens) / static_cast<double>(data.train_tokens),
      data.truncated > 0 ? format("; %ld truncated", data.truncated).c_str() : "",
      data.rejected > 0
          ? format("; %ld left out, see %s/rejected.jsonl", data.rejected, config.training.output_dir.c_str()).c_str()
          : ""));
  say(format("          lengths: median %ld, longest %ld tokens; %ld %s an epoch", data.median_length, data.longest,
             data.rows, config.data.packing ? "packed rows" : "rows"));
  for (const tune::BranchSummary& branch : data.branches) {
    say(format("          %s: median %ld, longest %ld tokens, %ld of them the answer (median)", branch.name.c_str(),
               branch.median_length, branch.longest, branch.median_trained));
  }
  say("model     " + plan.trainable_line());
  say(format("training  %s, %s: %ld steps (%ld an epoch), arithmetic in %s", plan.method.c_str(),
             plan.objective.c_str(), plan.total_steps, plan.steps_per_epoch, plan.compute_dtype.c_str()));
  say("machine   " + plan.machine);
}

void print_costs(const tune::RunPlan& plan, Costs how) {
  const std::string limit = plan.memory_limit > 0 ? ", " + bytes_text(plan.memory_limit) + " free" : "";
  const std::string verdict = plan.fits_in_memory() ? "" : ": it does not fit";
  say("memory    about " + bytes_text(plan.memory.peak) + " at the peak" + limit + verdict);
  if (how == Costs::kLine) return;
  print_memory(plan);
  if (plan.probe) print_time(*plan.probe, plan.total_steps);
}

}  // namespace hone::cli
