#include "serve/jobs/supervisor.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/terminal.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/jobs/job_run.h"
#include "serve/jobs/training_config.h"
#include "serve/jobs/validation.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

constexpr auto kLook = std::chrono::milliseconds(50);    // at a running worker
constexpr auto kRest = std::chrono::milliseconds(1000);  // where there is nothing to do; wake() is quicker
constexpr double kSaveSeconds = 20;

}  // namespace

Supervisor::Supervisor(Records& records, Files& files, Catalog& catalog, JobSettings settings)
    : records_(records), files_(files), catalog_(catalog), settings_(std::move(settings)) {
  fs::create_directories(settings_.folder);
  fs::create_directories(settings_.models);
}

Supervisor::~Supervisor() {
  stop();
}

void Supervisor::start() {
  take_up();
  thread_ = std::thread([this] { work(); });
}

void Supervisor::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  wake();
  thread_.join();
}

void Supervisor::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Supervisor::take_up() {
  for (JobRecord& job : records_.jobs_in(status::kRunning)) {
    job.status = status::kQueued;
    records_.database().transaction([&] {
      if (!records_.update(job, status::kRunning)) return;
      records_.add({.job = job.id,
                    .level = "warn",
                    .message = "The server was restarted; the job goes on from its last checkpoint"});
    });
  }
}

void Supervisor::work() {
  while (!stopping_) {
    bool busy = false;
    try {
      busy = one_round();
    } catch (const std::exception& error) {
      // A full disk, a database that does not answer: what is in the tables is whole, so try again.
      say(std::string("jobs: ") + error.what());
      run_.reset();
      take_up();
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, busy ? kLook : kRest, [this] { return woken_ || stopping_; });
    woken_ = false;
  }
  if (run_) run_->shut_down(kSaveSeconds);
  run_.reset();
}

bool Supervisor::one_round() {
  for (JobRecord& job : records_.jobs_in(status::kValidating)) validate(std::move(job));
  if (run_) {
    if (!run_->poll()) run_.reset();
    return true;
  }
  std::vector<JobRecord> queued = records_.jobs_in(status::kQueued);
  if (queued.empty()) {
    files_.sweep();
    return false;
  }
  begin(std::move(queued.front()));
  return true;
}

void Supervisor::validate(JobRecord job) {
  std::vector<EventRecord> events;
  const auto report = [&](const char* level, const std::string& text) {
    events.push_back({.job = job.id, .level = level, .message = text});
  };
  const fs::path folder = folder_of(job.id);
  DataCheck check = check_job_file(folder / "train.jsonl", job.training_file, job.method, "training_file", report);
  if (job.validation_file) {
    DataCheck other =
        check_job_file(folder / "validation.jsonl", *job.validation_file, job.method, "validation_file", report);
    if (!check.fault) check.fault = std::move(other.fault);
    check.raw_pairs = check.raw_pairs && other.raw_pairs;
  }
  if (check.fault) {
    events.push_back(fail_job(job, *check.fault));
  } else {
    if (job.legacy && check.raw_pairs) write_raw_template(folder);
    const Hyperparameters values = resolve(hyperparameters_from(job.hyperparameters), check.examples);
    job.hyperparameters = to_line(hyperparameters_json(values, true));
    job.status = status::kQueued;
    report("info", "Files validated, moving job to queued state");
  }
  records_.database().transaction([&] {
    if (!records_.update(job, status::kValidating)) return;  // cancelled meanwhile
    for (const EventRecord& event : events) records_.add(event);
  });
}

void Supervisor::begin(JobRecord job) {
  const fs::path folder = folder_of(job.id);
  const bool first = !job.started_at;
  try {
    const fs::path start = catalog_.find(job.base, {job.owner, Role::kAdmin}).adapter;
    write_file(folder / "config.yaml",
               recipe::train_config_yaml(training_config(job, folder, job.validation_file.has_value(),
                                                         catalog_.options().base_folder, start, settings_)));
  } catch (const ApiError& error) {  // the model that it was to go on from has been deleted
    const EventRecord event = fail_job(job, {"model_not_found", error.what(), "model"});
    records_.database().transaction([&] {
      if (records_.update(job, status::kQueued)) records_.add(event);
    });
    return;
  }
  job.status = status::kRunning;
  if (first) job.started_at = unix_now();
  bool counted = false;
  records_.database().transaction([&] {
    counted = records_.update(job, status::kQueued);
    if (counted && first) records_.add({.job = job.id, .message = "Fine-tuning job started"});
  });
  if (!counted) return;
  run_ = std::make_unique<JobRun>(records_, files_, catalog_, std::move(job), JobPlaces{folder, settings_.models},
                                  settings_.limits);
}

}  // namespace hone::serve
