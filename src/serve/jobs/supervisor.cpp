#include "serve/jobs/supervisor.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/failures.h"
#include "base/file.h"
#include "base/terminal.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/jobs/fault_events.h"
#include "serve/jobs/hyperparameters.h"
#include "serve/jobs/job_folder.h"
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
  settle_all(settings_.folder, settings_.models, records_);
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
      if (!trouble_.empty()) say("jobs: going on");
      trouble_.clear();
      troubles_ = 0;
    } catch (const std::exception& error) {
      troubled(error);
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, busy ? kLook : kRest, [this] { return woken_ || stopping_; });
    woken_ = false;
  }
  if (run_) run_->shut_down(kSaveSeconds);
  run_.reset();
}

/// A full disk, a database that does not answer: what is in the tables is whole and a running worker needs neither, so
/// try again, however long it takes. What fails again and again while the database answers is the job's fault, and must
/// not hold up the others.
void Supervisor::troubled(const std::exception& error) {
  constexpr int kPatience = 5;
  if (trouble_ != error.what()) say(std::string("jobs: waiting, then trying again: ") + error.what());
  trouble_ = error.what();
  if (is_disk_full(error)) return;
  try {
    const std::optional<JobRecord> job = records_.job(at_work_on_);
    if (!job || ++troubles_ < kPatience) return;
    JobRecord failed = *job;
    const std::string before = failed.status;
    const EventRecord event = fail_job(failed, {"server_error", "The server could not go on with the job", ""});
    records_.database().transaction([&] {
      if (records_.update(failed, before)) records_.add(event);
    });
    troubles_ = 0;
  } catch (const std::exception&) {
    // It is the database after all.
  }
}

void Supervisor::watch() {
  at_work_on_ = run_->job();
  looked_ = std::chrono::steady_clock::now();
  if (!run_->poll()) run_.reset();
}

bool Supervisor::one_round() {
  at_work_on_.clear();
  if (run_) watch();
  for (JobRecord& job : records_.jobs_in(status::kValidating)) validate(std::move(job));
  if (run_) return true;
  at_work_on_.clear();
  // One whose row was written while the connection broke.
  std::vector<JobRecord> running = records_.jobs_in(status::kRunning), queued = records_.jobs_in(status::kQueued);
  if (!running.empty()) {
    run(std::move(running.front()));
  } else if (!queued.empty()) {
    begin(std::move(queued.front()));
  } else {
    files_.sweep();
    return false;
  }
  return true;
}

bool Supervisor::look_up() {
  if (stopping_) return true;
  if (!run_ || std::chrono::steady_clock::now() - looked_ < kLook) return false;
  const std::string here = at_work_on_;
  try {
    watch();
  } catch (const std::exception&) {
    // It is no fault of the file that is read; the next round meets it again and says so.
  }
  at_work_on_ = here;
  return false;
}

void Supervisor::validate(JobRecord job) {
  at_work_on_ = job.id;
  FaultEvents faults(records_, job.id);
  const fs::path folder = folder_of(job.id);
  const auto check = [&](const char* name, const std::string& id, const char* param) {
    return check_job_file(folder / name, id, job.method, param,
                          {.report = [&](const DataFault& fault) { faults.add(fault); },
                           .stops = [&] { return faults.abandoned() || look_up(); }});
  };
  DataCheck found = check("train.jsonl", job.training_file, "training_file");
  if (job.validation_file && !found.stopped) {
    DataCheck other = check("validation.jsonl", *job.validation_file, "validation_file");
    if (!found.fault) found.fault = std::move(other.fault);
    found.raw_pairs = found.raw_pairs && other.raw_pairs;
    found.stopped = other.stopped;
  }
  if (found.stopped) return;  // cancelled, or the server ends: the next one begins here again
  faults.write();
  EventRecord news{.job = job.id, .message = "Files validated, moving job to queued state"};
  if (found.fault) {
    news = fail_job(job, *found.fault);
  } else {
    if (job.legacy && found.raw_pairs) write_raw_template(folder);
    const Hyperparameters values = resolve(hyperparameters_from(job.hyperparameters), found.examples);
    job.hyperparameters = to_line(hyperparameters_json(values, true));
    job.status = status::kQueued;
  }
  records_.database().transaction([&] {
    if (records_.update(job, status::kValidating)) records_.add(news);  // else it was cancelled meanwhile
  });
}

void Supervisor::begin(JobRecord job) {
  at_work_on_ = job.id;
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
  run(std::move(job));
}

void Supervisor::run(JobRecord job) {
  at_work_on_ = job.id;
  const fs::path folder = folder_of(job.id);
  run_ = std::make_unique<JobRun>(records_, files_, catalog_, std::move(job), JobPlaces{folder, settings_.models},
                                  settings_.limits);
}

}  // namespace hone::serve
