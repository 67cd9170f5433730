#include "serve/jobs/job_run.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "serve/ids.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/jobs/job_fault.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kAttempts = 3;

/// What answers need; a checkpoint holds more, for going on.
bool belongs_to_adapter(const std::string& name) {
  return starts_with(name, "adapter_") || starts_with(name, "tokenizer") || name == "chat_template.jinja" ||
         name == "special_tokens_map.json" || name == "vocab.json" || name == "merges.txt";
}

Json step_data(const StepMetrics& step, int64_t total_steps) {
  Json data = {{"step", step.step}, {"total_steps", total_steps}};
  const auto add = [&data](const char* name, const std::optional<double>& value) {
    if (value) data[name] = *value;
  };
  add("train_loss", step.train_loss);
  add("train_mean_token_accuracy", step.train_accuracy);
  add("valid_loss", step.full_valid_loss);
  add("valid_mean_token_accuracy", step.full_valid_accuracy);
  add("full_valid_loss", step.full_valid_loss);
  add("full_valid_mean_token_accuracy", step.full_valid_accuracy);
  return data;
}

std::string step_text(const StepMetrics& step, int64_t total_steps) {
  std::string text = format("Step %ld/%ld: training loss=%.2f", step.step, total_steps, step.train_loss.value_or(0));
  if (!step.full_valid_loss) return text;
  return text +
         format(", validation loss=%.2f, full validation loss=%.2f", *step.full_valid_loss, *step.full_valid_loss);
}

}  // namespace

JobRun::JobRun(Records& records, Files& files, Catalog& catalog, JobRecord job, JobPlaces places,
               const WorkerLimits& limits)
    : records_(records),
      files_(files),
      catalog_(catalog),
      job_(std::move(job)),
      places_(std::move(places)),
      worker_(std::make_unique<Worker>(places_.folder, limits)),
      tail_(run() / "metrics.jsonl") {
  constexpr int64_t kAll = 10000;  // there are at most as many as epochs
  for (const CheckpointRecord& known : records_.checkpoints(job_.id, {.limit = kAll}).items)
    published_.insert(known.step);
}

JobRun::~JobRun() = default;

bool JobRun::poll() {
  const auto row = records_.job(job_.id);
  const bool running = row && row->status == status::kRunning;
  if (!running && !asked_) {
    asked_ = true;
    // A paused job goes on from what is saved now; of a cancelled one nothing more is wanted.
    if (row && (row->status == status::kPaused || row->status == status::kQueued))
      worker_->stop();
    else
      worker_->kill();
  }
  const std::optional<Worker::Exit> exit = worker_->ended();
  if (running) {
    read_metrics(/*all=*/exit.has_value());
    publish_checkpoints();
  }
  if (!exit) return true;
  if (running) ended(*exit);
  return false;
}

void JobRun::shut_down(double seconds) {
  worker_->stop();
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!worker_->ended() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  worker_->kill();
}

void JobRun::read_plan() {
  if (steps_per_epoch_ > 0) return;
  std::error_code none;
  if (!fs::exists(run() / "run.json", none)) return;
  const Json plan = read_json(run() / "run.json").at("plan");
  steps_per_epoch_ = plan.at("steps_per_epoch");
  job_.total_steps = plan.at("total_steps");
}

void JobRun::read_metrics(bool all) {
  read_plan();
  for (const track::MetricsRow& row : tail_.read()) add_row(steps_, row);
  if (job_.total_steps == 0) return;
  for (auto at = steps_.upper_bound(job_.step); at != steps_.end(); ++at) {
    const StepMetrics& step = at->second;
    if (!step.train_loss) continue;
    // The line of an evaluation comes after that of its step.
    const bool evaluates = job_.validation_file && (step.step % steps_per_epoch_ == 0 || step.step == job_.total_steps);
    if (evaluates && !step.full_valid_loss && std::next(at) == steps_.end() && !all) break;
    report(step);
  }
}

void JobRun::report(const StepMetrics& step) {
  const int64_t before = job_.step;
  job_.step = step.step;
  if (step.tokens_per_second > 0 && step.step > 0) {
    const double tokens_left =
        step.tokens / static_cast<double>(step.step) * static_cast<double>(job_.total_steps - step.step);
    job_.estimated_finish = unix_now() + static_cast<int64_t>(tokens_left / step.tokens_per_second);
  }
  bool counted = false;
  records_.database().transaction([&] {
    counted = records_.update(job_, status::kRunning);
    if (!counted) return;
    records_.add({.job = job_.id,
                  .type = "metrics",
                  .message = step_text(step, job_.total_steps),
                  .data = to_line(step_data(step, job_.total_steps))});
  });
  if (!counted) job_.step = before;
}

void JobRun::publish(const fs::path& adapter, const std::string& name) {
  // The folder's name says nothing: names of models are given by clients in part.
  const fs::path folder = places_.models / random_letters(24);
  write_folder(folder, [&](const fs::path& into) {
    for (const auto& entry : fs::directory_iterator(adapter)) {
      const std::string file = entry.path().filename().string();
      if (entry.is_regular_file() && belongs_to_adapter(file)) {
        fs::copy_file(entry.path(), into / file);
      }
    }
  });
  records_.add(ModelRecord{.name = name,
                           .owner = job_.owner,
                           .base = catalog_.base(),
                           .folder = folder,
                           .suffix = job_.suffix,
                           .job = job_.id});
}

void JobRun::publish_checkpoints() {
  if (job_.total_steps == 0) return;
  for (const int64_t step : checkpoint_steps(run())) {
    // Checkpoints that a pause made are for going on; those that OpenAI's clients expect end an epoch.
    const bool ends_epoch = step % steps_per_epoch_ == 0 || step == job_.total_steps;
    if (ends_epoch && step <= job_.step && !published_.contains(step)) publish_checkpoint(step);
  }
}

void JobRun::publish_checkpoint(int64_t step) {
  CheckpointRecord checkpoint{.job = job_.id, .step = step};
  checkpoint.model = catalog_.new_name(job_.suffix) + format(":ckpt-step-%ld", step);
  const auto metrics = steps_.find(step);
  checkpoint.metrics =
      to_line(metrics == steps_.end() ? Json{{"step", step}} : step_data(metrics->second, job_.total_steps));
  records_.database().transaction([&] {
    publish(run() / format("checkpoint-%ld", step), checkpoint.model);
    records_.add(checkpoint);
    records_.add(
        {.job = job_.id,
         .message = format("Checkpoint created at step %ld with Snapshot ID: %s", step, checkpoint.model.c_str())});
  });
  published_.insert(step);
}

void JobRun::ended(const Worker::Exit& exit) {
  if (exit.signal == 0 && exit.code == 0) return succeed();
  const bool killed = exit.signal != 0 || exit.code == 130;  // 130: somebody stopped it from outside
  if (killed && ++job_.attempts < kAttempts) {
    job_.status = status::kQueued;
    return conclude({{.job = job_.id,
                      .level = "warn",
                      .message = format("The worker was ended by signal %d; the job goes on from its last checkpoint",
                                        exit.signal == 0 ? 15 : exit.signal)}});
  }
  if (killed) {
    return fail("worker_killed",
                format("The worker was ended by signal %d, %ld times. If the system ended it for want of "
                       "memory, a smaller batch_size needs less.",
                       exit.signal, job_.attempts));
  }
  const std::string text = failure_text(places_.folder / "output.jsonl");
  fail("training_failed", text.empty() ? format("The worker ended with code %d", exit.code) : text);
}

EpochPlan JobRun::epoch_plan() const {
  const Json plan = read_json(run() / "run.json").at("plan");
  return {.steps = plan.at("steps_per_epoch"),
          .batch_size = hyperparameters_from(job_.hyperparameters).batch_size.value_or(1),
          .examples = plan.at("data").at("rows_per_epoch")};
}

void JobRun::succeed() {
  StepTable steps;
  for (const track::MetricsRow& row : track::read_metrics(run() / "metrics.jsonl").rows) add_row(steps, row);
  const fs::path csv = places_.folder / "step_metrics.csv";
  write_file(csv, job_.legacy ? legacy_result_csv(steps, epoch_plan()) : result_csv(steps));
  const std::string name = catalog_.new_name(job_.suffix);
  records_.database().transaction([&] {
    publish(run(), name);
    FileRecord file{.owner = job_.owner, .filename = "step_metrics.csv", .purpose = "fine-tune-results"};
    job_.result_file = files_.add(file, csv).id;
    job_.status = status::kSucceeded;
    job_.fine_tuned_model = name;
    job_.trained_tokens = steps.empty() ? 0 : static_cast<int64_t>(steps.rbegin()->second.tokens);
    job_.finished_at = unix_now();
    job_.estimated_finish.reset();
    conclude({{.job = job_.id, .message = "New fine-tuned model created: " + name},
              {.job = job_.id, .message = "The job has successfully completed"}});
  });
}

void JobRun::fail(const std::string& code, const std::string& message) {
  conclude({fail_job(job_, {code, message, ""})});
}

void JobRun::conclude(const std::vector<EventRecord>& events) {
  records_.database().transaction([&] {
    // Cancelled or paused in the same moment: then that is what counts, and nothing of the above has been.
    if (!records_.update(job_, status::kRunning)) fail_work(job_.id, "is no longer running");
    for (const EventRecord& event : events) records_.add(event);
  });
}

}  // namespace hone::serve
