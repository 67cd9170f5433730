#include "serve/jobs/job_run.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "serve/ids.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/jobs/job_fault.h"
#include "serve/jobs/job_folder.h"
#include "tune/trainer_state.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kAttempts = 3;  // without a new step in between

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
      limits_(limits),
      worker_(std::make_unique<Worker>(places_.folder, limits)),
      tail_(run() / "metrics.jsonl") {}

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
    read_row(*row);
    // What a worker that was killed had not written yet, the next one writes.
    read_metrics(/*all=*/exit && exit->signal == 0 && exit->code == 0);
    publish_checkpoints();
    sure_ = true;
  }
  if (!exit) return true;
  if (running) ended(*exit);
  return false;
}

/// What the table says counts: after a connection that broke nobody else knows what was written.
void JobRun::read_row(const JobRecord& row) {
  job_ = row;
  read_plan();
  if (sure_) return;
  constexpr int64_t kAll = 10000;  // there are at most as many as epochs
  for (const CheckpointRecord& known : records_.checkpoints(job_.id, {.limit = kAll}).items)
    published_.insert(known.step);
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
  std::error_code none;
  if (steps_per_epoch_ == 0 && fs::exists(run() / "run.json", none)) {
    const Json plan = read_json(run() / "run.json").at("plan");
    steps_per_epoch_ = plan.at("steps_per_epoch");
    total_steps_ = plan.at("total_steps");
  }
  if (total_steps_ > 0) job_.total_steps = total_steps_;
}

void JobRun::read_metrics(bool all) {
  for (const track::MetricsRow& row : tail_.read()) add_row(steps_, row);
  if (job_.total_steps == 0) return;
  for (auto at = steps_.upper_bound(job_.step); at != steps_.end(); ++at) {
    const StepMetrics& step = at->second;
    if (!step.train_loss) continue;
    // The line of an evaluation comes after that of its step.
    const bool evaluates = job_.validation_file && ends_epoch(step.step);
    if (evaluates && !step.full_valid_loss && std::next(at) == steps_.end() && !all) break;
    report(step);
  }
}

void JobRun::report(const StepMetrics& step) {
  JobRecord next = job_;
  next.step = step.step;
  next.attempts = 0;
  if (step.tokens_per_second > 0 && step.step > 0) {
    const double tokens_left =
        step.tokens / static_cast<double>(step.step) * static_cast<double>(next.total_steps - step.step);
    next.estimated_finish = unix_now() + static_cast<int64_t>(tokens_left / step.tokens_per_second);
  }
  bool counted = false;
  records_.database().transaction([&] {
    counted = records_.update(next, status::kRunning);
    if (!counted) return;
    records_.add({.job = next.id,
                  .type = "metrics",
                  .message = step_text(step, next.total_steps),
                  .data = to_line(step_data(step, next.total_steps))});
  });
  if (counted) job_ = std::move(next);
}

ModelRecord JobRun::copy_adapter(const fs::path& adapter, const std::string& name, const std::string& folder) {
  // Names of models are given by clients in part, so no folder is called so.
  const fs::path path = places_.models / folder;
  write_folder(path, [&](const fs::path& into) {
    for (const auto& entry : fs::directory_iterator(adapter)) {
      const std::string file = entry.path().filename().string();
      if (entry.is_regular_file() && belongs_to_adapter(file)) {
        fs::copy_file(entry.path(), into / file);
      }
    }
  });
  return {.name = name,
          .owner = job_.owner,
          .base = catalog_.base(),
          .folder = path,
          .suffix = job_.suffix,
          .job = job_.id};
}

void JobRun::publish_checkpoints() {
  if (job_.total_steps == 0) return;
  const std::vector<int64_t> steps = checkpoint_steps(run());
  for (const int64_t step : steps) {
    // Others are for going on; those that OpenAI's clients expect end an epoch.
    if (ends_epoch(step) && step <= job_.step && !published_.contains(step)) publish_checkpoint(step);
  }
  drop_checkpoints(steps);
}

/// The worker keeps all, since only here is known which of them are copied; the newest is what it goes on from.
void JobRun::drop_checkpoints(const std::vector<int64_t>& steps) {
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    if (!ends_epoch(steps[i]) || published_.contains(steps[i]))
      tune::remove_checkpoint(run() / format("checkpoint-%ld", steps[i]));
  }
}

void JobRun::publish_checkpoint(int64_t step) {
  sure_ = false;
  CheckpointRecord checkpoint{.job = job_.id, .step = step};
  checkpoint.model = catalog_.new_name(job_.suffix) + format(":ckpt-step-%ld", step);
  const auto metrics = steps_.find(step);
  checkpoint.metrics =
      to_line(metrics == steps_.end() ? Json{{"step", step}} : step_data(metrics->second, job_.total_steps));
  const ModelRecord model =
      copy_adapter(run() / format("checkpoint-%ld", step), checkpoint.model, published_name(job_.id, step));
  records_.database().transaction([&] {
    records_.add(model);
    records_.add(checkpoint);
    records_.add(
        {.job = job_.id,
         .message = format("Checkpoint created at step %ld with Snapshot ID: %s", step, checkpoint.model.c_str())});
  });
  published_.insert(step);
}

void JobRun::ended(const Worker::Exit& exit) {
  if (exit.signal == 0 && exit.code == 0) return succeed();
  if (exit.signal == SIGXCPU) {
    return fail("time_limit_exceeded",
                format("The job took more than the %s s of processor time that this server allows. Fewer epochs or "
                       "examples take less.",
                       with_commas(limits_.seconds).c_str()));
  }
  if (exit.signal != 0 || exit.code == 130) return killed(exit);  // 130: somebody stopped it from outside
  WorkerFault fault = fault_in(worker_->output());
  fault.text = without_folders(fault.text, {places_.folder, places_.models, catalog_.options().base_folder});
  if (fault.kind == "disk_full") return pause_for_space(fault.text);
  if (fault.kind == "out_of_memory") {
    const std::string limit = limits_.memory_bytes > 0 ? "The job needs more memory than this server allows ("
                                                       : "The job needs more memory than there is (";
    return fail(limits_.memory_bytes > 0 ? "memory_limit_exceeded" : "out_of_memory",
                limit + fault.text + "). A smaller batch_size needs less.");
  }
  fail("training_failed", fault.text.empty() ? format("The worker ended with code %d", exit.code) : fault.text);
}

void JobRun::killed(const Worker::Exit& exit) {
  JobRecord next = job_;
  const int signal = exit.signal == 0 ? SIGTERM : exit.signal;
  if (++next.attempts >= kAttempts) {
    return fail("worker_killed",
                format("The worker was ended by signal %d, %ld times without a step in between. If the system ended it "
                       "for want of memory, a smaller batch_size needs less.",
                       signal, next.attempts));
  }
  next.status = status::kQueued;
  conclude(next, {{.job = job_.id,
                   .level = "warn",
                   .message =
                       format("The worker was ended by signal %d; the job goes on from its last checkpoint", signal)}});
}

void JobRun::pause_for_space(const std::string& text) {
  JobRecord next = job_;
  next.status = status::kPaused;
  next.estimated_finish.reset();
  conclude(next, {{.job = job_.id,
                   .level = "error",
                   .message = "The job is paused, because the server's disk is full: " + text +
                              ". Nothing is lost; free space, then resume the job"}});
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
  const ModelRecord model = copy_adapter(run(), catalog_.new_name(job_.suffix), published_name(job_.id));
  records_.database().transaction([&] {
    JobRecord next = job_;
    records_.add(model);
    const FileRecord file{.owner = job_.owner, .filename = "step_metrics.csv", .purpose = "fine-tune-results"};
    next.result_file = files_.add(file, csv).id;
    next.status = status::kSucceeded;
    next.fine_tuned_model = model.name;
    next.trained_tokens = steps.empty() ? 0 : static_cast<int64_t>(steps.rbegin()->second.tokens);
    next.finished_at = unix_now();
    next.estimated_finish.reset();
    conclude(next, {{.job = job_.id, .message = "New fine-tuned model created: " + model.name},
                    {.job = job_.id, .message = "The job has successfully completed"}});
  });
}

void JobRun::fail(const std::string& code, const std::string& message) {
  JobRecord next = job_;
  const EventRecord event = fail_job(next, {code, message, ""});
  conclude(next, {event});
}

void JobRun::conclude(const JobRecord& job, const std::vector<EventRecord>& events) {
  records_.database().transaction([&] {
    // Cancelled or paused in the same moment: then that is what counts, and nothing of the above has been.
    if (!records_.update(job, status::kRunning)) fail_work(job.id, "is no longer running");
    for (const EventRecord& event : events) records_.add(event);
  });
}

}  // namespace hone::serve
