#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/jobs/job_folder.h"
#include "serve/jobs/jobs_api.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

/// For a row that could not be written: whether it was all the same, the database may not be able to say now. Then the
/// next start settles it.
void settle_quietly(const fs::path& folder, Records& records) {
  try {
    settle(folder, records);
  } catch (const std::exception& error) {
    say("jobs: " + folder.filename().string() + " is left to the next start: " + error.what());
  }
}

[[noreturn]] void refuse_status(const JobRecord& job, const char* what) {
  refuse("Job " + job.id + " cannot be " + what + ": its status is " + job.status + ".", "fine_tuning_job_id",
         "invalid_job_status");
}

}  // namespace

/// The content under another name, so that deleting the file does not take it from the job.
void Jobs::link(const std::string& file, const fs::path& as, const std::string& param, const Caller& caller) {
  const FileRecord record = [&] {
    try {
      return files_.get(file, caller);
    } catch (const ApiError&) {
      throw ApiError(400, "invalid " + param + ": No such File object: " + excerpt(file, 80), param, "invalid_file");
    }
  }();
  if (record.purpose != "fine-tune") {
    refuse("invalid " + param + ": the file has the purpose " + record.purpose + ", expected fine-tune.", param,
           "invalid_file");
  }
  std::error_code fault;
  fs::create_hard_link(files_.content(record), as, fault);
  if (fault) fs::copy_file(files_.content(record), as);
}

JobRecord Jobs::create(JobRecord job, const Caller& caller, bool retried) {
  job.owner = caller.owner;
  if (retried) {
    if (auto made = records_.recent_job(job.owner, job.request_hash)) return *std::move(made);
  }
  const ServedModel base = catalog_.find(job.model, caller);
  job.base = base.name;
  int64_t waiting = 0;
  for (const char* state : {status::kValidating, status::kQueued}) {
    for (const JobRecord& other : records_.jobs_in(state)) waiting += other.owner == job.owner;
  }
  if (waiting >= supervisor_.settings().max_queued) {
    throw ApiError(429, format("%ld jobs are waiting already. Wait until some are done, or cancel one.", waiting), "",
                   "rate_limit_exceeded");
  }
  job.id = Records::new_job_id(job.legacy);
  const fs::path folder = supervisor_.folder_of(job.id);
  // The data is in place, and on the disk, before anybody can see the job.
  write_folder(folder, [&](const fs::path& into) {
    link(job.training_file, into / "train.jsonl", "training_file", caller);
    if (job.validation_file) link(*job.validation_file, into / "validation.jsonl", "validation_file", caller);
    write_file(into / kUnsettled, "");
  });
  try {
    records_.database().transaction([&] {
      records_.add(job);
      std::string files = "Validating training file: " + job.training_file;
      if (job.validation_file) files += " and validation file: " + *job.validation_file;
      records_.add({.job = job.id, .message = "Created fine-tuning job: " + job.id});
      records_.add({.job = job.id, .message = files});
    });
  } catch (...) {
    settle_quietly(folder, records_);
    throw;
  }
  settle(folder, records_);
  supervisor_.wake();
  return job;
}

JobRecord Jobs::get(const std::string& id, const Caller& caller) {
  std::optional<JobRecord> job = records_.job(id);
  if (!job || !caller.sees(job->owner)) {
    refuse_unknown("Could not find fine tune: " + excerpt(id, 80), "fine_tuning_job_id", "fine_tune_not_found");
  }
  return *std::move(job);
}

JobRecord Jobs::change(const JobRecord& job, const char* to, const std::string& message) {
  const auto finished_at = status::is_final(to) ? std::optional(unix_now()) : std::nullopt;
  records_.database().transaction([&] {
    if (records_.move_job(job.id, job.status, to, finished_at)) records_.add({.job = job.id, .message = message});
  });
  supervisor_.wake();
  return *records_.job(job.id);
}

JobRecord Jobs::cancel(const std::string& id, const Caller& caller) {
  for (;;) {
    JobRecord job = get(id, caller);
    if (job.status == status::kCancelled) return job;  // a client that asks again means the same
    if (status::is_final(job.status)) refuse_status(job, "cancelled");
    JobRecord now = change(job, status::kCancelled, "Fine-tuning job cancelled");
    if (now.status == status::kCancelled) return now;  // else it moved on in this moment: look again
  }
}

JobRecord Jobs::pause(const std::string& id, const Caller& caller) {
  JobRecord job = get(id, caller);
  if (job.status == status::kPaused) return job;
  if (job.status != status::kRunning && job.status != status::kQueued) refuse_status(job, "paused");
  return change(job, status::kPaused, "Fine-tuning job paused");
}

JobRecord Jobs::resume(const std::string& id, const Caller& caller) {
  JobRecord job = get(id, caller);
  if (job.status == status::kQueued || job.status == status::kRunning) return job;
  if (job.status != status::kPaused) refuse_status(job, "resumed");
  return change(job, status::kQueued, "Fine-tuning job resumed");
}

}  // namespace hone::serve
