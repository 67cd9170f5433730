#include "serve/records.h"

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/keys.h"
#include "serve/row_pages.h"

namespace hone::serve {
namespace {

using store::Row;
using store::Value;

FileRecord to_file(const Row& row) {
  FileRecord file;
  file.id = row.text("id");
  file.owner = row.text("owner");
  file.filename = row.text("filename");
  file.purpose = row.text("purpose");
  file.sha256 = row.text("sha256");
  file.serial = row.integer("serial");
  file.created_at = row.integer("created_at");
  file.bytes = row.integer("bytes");
  file.expires_at = row.integer_or_null("expires_at");
  return file;
}

JobRecord to_job(const Row& row) {
  JobRecord job;
  job.id = row.text("id");
  job.serial = row.integer("serial");
  job.owner = row.text("owner");
  job.request_hash = row.text("request_hash");
  job.legacy = row.integer("legacy") != 0;
  job.created_at = row.integer("created_at");
  job.started_at = row.integer_or_null("started_at");
  job.finished_at = row.integer_or_null("finished_at");
  job.status = row.text("status");
  job.model = row.text("model");
  job.base = row.text("base");
  job.training_file = row.text("training_file");
  job.validation_file = row.text_or_null("validation_file");
  job.suffix = row.text("suffix");
  job.seed = row.integer("seed");
  job.method = row.text("method");
  job.hyperparameters = row.text("hyperparameters_json");
  job.metadata = row.text("metadata_json");
  job.integrations = row.text("integrations_json");
  job.error = row.text_or_null("error_json");
  job.fine_tuned_model = row.text_or_null("fine_tuned_model");
  job.result_file = row.text_or_null("result_file");
  job.trained_tokens = row.integer_or_null("trained_tokens");
  job.estimated_finish = row.integer_or_null("estimated_finish");
  job.step = row.integer("step");
  job.total_steps = row.integer("total_steps");
  job.attempts = row.integer("attempts");
  return job;
}

EventRecord to_event(const Row& row) {
  return {.id = row.text("id"),
          .job = row.text("job"),
          .level = row.text("level"),
          .type = row.text("type"),
          .message = row.text("message"),
          .data = row.text("data_json"),
          .serial = row.integer("serial"),
          .created_at = row.integer("created_at")};
}

CheckpointRecord to_checkpoint(const Row& row) {
  return {.id = row.text("id"),
          .job = row.text("job"),
          .model = row.text("model"),
          .metrics = row.text("metrics_json"),
          .serial = row.integer("serial"),
          .created_at = row.integer("created_at"),
          .step = row.integer("step")};
}

ModelRecord to_model(const Row& row) {
  return {.name = row.text("name"),
          .owner = row.text("owner"),
          .base = row.text("base"),
          .folder = row.text("folder"),
          .suffix = row.text("suffix"),
          .job = row.text_or_null("job"),
          .serial = row.integer("serial"),
          .created_at = row.integer("created_at")};
}

}  // namespace

int64_t Records::next_serial(const char* table) {
  return database_.query(format("SELECT COALESCE(MAX(serial), 0) + 1 AS next FROM %s", table)).front().integer("next");
}

int64_t Records::serial_of(const char* table, const std::string& id) {
  const auto rows = database_.query(format("SELECT serial FROM %s WHERE id = ?", table), {id});
  if (rows.empty()) refuse("Invalid 'after': no such object: " + excerpt(id, 80), "after", "invalid_value");
  return rows.front().integer("serial");
}

void Records::add(FileRecord& file) {
  file.created_at = unix_now();
  file.id = new_id("file-");
  database_.transaction([&] {
    file.serial = next_serial("files");
    database_.execute(
        "INSERT INTO files (id, serial, owner, created_at, expires_at, filename, purpose, bytes, sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {file.id, file.serial, file.owner, file.created_at, value_or_null(file.expires_at), file.filename, file.purpose,
         file.bytes, file.sha256});
  });
}

std::optional<FileRecord> Records::file(const std::string& id) {
  const auto rows = database_.query("SELECT * FROM files WHERE id = ?", {id});
  if (rows.empty()) return std::nullopt;
  return to_file(rows.front());
}

Page<FileRecord> Records::files(const PageRequest& page, const std::string& purpose, const std::string& owner) {
  std::string which;
  std::vector<Value> values;
  for (const auto& [column, wanted] : {std::pair("purpose", purpose), std::pair("owner", owner)}) {
    if (wanted.empty()) continue;
    which += format(" %s = ? AND", column);
    values.emplace_back(wanted);
  }
  const int64_t end = page.ascending ? 0 : INT64_MAX;
  values.emplace_back(page.after.empty() ? end : serial_of("files", page.after));
  values.emplace_back(page.limit + 1);
  return page_of<FileRecord>(database_.query("SELECT * FROM files WHERE" + which + page_end(page), values), page.limit,
                             to_file);
}

bool Records::remove_file(const std::string& id) {
  return database_.execute("DELETE FROM files WHERE id = ?", {id}) > 0;
}

int64_t Records::files_with(const std::string& sha256) {
  return database_.query("SELECT COUNT(*) AS n FROM files WHERE sha256 = ?", {sha256}).front().integer("n");
}

std::optional<FileRecord> Records::recent_file(const FileRecord& like) {
  const auto rows = database_.query(
      "SELECT * FROM files WHERE sha256 = ? AND filename = ? AND purpose = ? AND owner = ? AND created_at >= ?"
      " ORDER BY serial DESC LIMIT 1",
      {like.sha256, like.filename, like.purpose, like.owner, unix_now() - kSameRequestSeconds});
  if (rows.empty()) return std::nullopt;
  return to_file(rows.front());
}

std::string Records::new_job_id(bool legacy) {
  return new_id(legacy ? "ft-" : "ftjob-");
}

void Records::add(JobRecord& job) {
  job.created_at = unix_now();
  if (job.id.empty()) job.id = new_job_id(job.legacy);
  database_.transaction([&] {
    job.serial = next_serial("jobs");
    database_.execute(
        "INSERT INTO jobs (id, serial, owner, request_hash, legacy, created_at, status, model, base,"
        " training_file, validation_file, suffix, seed, method, hyperparameters_json, metadata_json, integrations_json,"
        " step, total_steps, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
        {job.id, job.serial, job.owner, job.request_hash, int64_t{job.legacy}, job.created_at, job.status, job.model,
         job.base, job.training_file, value_or_null(job.validation_file), job.suffix, job.seed, job.method,
         job.hyperparameters, job.metadata, job.integrations});
  });
}

std::optional<JobRecord> Records::job(const std::string& id) {
  const auto rows = database_.query("SELECT * FROM jobs WHERE id = ?", {id});
  if (rows.empty()) return std::nullopt;
  return to_job(rows.front());
}

std::optional<JobRecord> Records::recent_job(const std::string& owner, const std::string& request_hash) {
  const auto rows = database_.query(
      "SELECT * FROM jobs WHERE owner = ? AND request_hash = ? AND created_at >= ? ORDER BY serial DESC LIMIT 1",
      {owner, request_hash, unix_now() - kSameRequestSeconds});
  if (rows.empty()) return std::nullopt;
  return to_job(rows.front());
}

Page<JobRecord> Records::jobs(const PageRequest& page, const std::function<bool(const JobRecord&)>& keep) {
  Page<JobRecord> found;
  int64_t from = page.after.empty() ? INT64_MAX : serial_of("jobs", page.after);
  constexpr int64_t kAtOnce = 100;
  while (!found.has_more) {
    const auto rows =
        database_.query("SELECT * FROM jobs WHERE serial < ? ORDER BY serial DESC LIMIT ?", {from, kAtOnce});
    for (const Row& row : rows) {
      from = row.integer("serial");
      JobRecord job = to_job(row);
      if (!keep(job)) continue;
      found.has_more = static_cast<int64_t>(found.items.size()) == page.limit;
      if (found.has_more) break;
      found.items.push_back(std::move(job));
    }
    if (static_cast<int64_t>(rows.size()) < kAtOnce) break;
  }
  return found;
}

std::vector<JobRecord> Records::jobs_in(const std::string& status) {
  std::vector<JobRecord> jobs;
  for (const Row& row : database_.query("SELECT * FROM jobs WHERE status = ? ORDER BY serial", {status})) {
    jobs.push_back(to_job(row));
  }
  return jobs;
}

bool Records::update(const JobRecord& job, const std::string& expected) {
  return database_.execute(
             "UPDATE jobs SET status = ?, started_at = ?, finished_at = ?, hyperparameters_json = ?, error_json = ?,"
             " fine_tuned_model = ?, result_file = ?, trained_tokens = ?, estimated_finish = ?, step = ?,"
             " total_steps = ?, attempts = ? WHERE id = ? AND status = ?",
             {job.status, value_or_null(job.started_at), value_or_null(job.finished_at), job.hyperparameters,
              value_or_null(job.error), value_or_null(job.fine_tuned_model), value_or_null(job.result_file),
              value_or_null(job.trained_tokens), value_or_null(job.estimated_finish), job.step, job.total_steps,
              job.attempts, job.id, expected}) > 0;
}

bool Records::move_job(const std::string& id, const std::string& from, const std::string& to,
                       std::optional<int64_t> finished_at) {
  return database_.execute(
             "UPDATE jobs SET status = ?, finished_at = ?, estimated_finish = NULL WHERE id = ? AND status = ?",
             {to, value_or_null(finished_at), id, from}) > 0;
}

void Records::add(EventRecord event) {
  event.id = new_id("ftevent-");
  event.created_at = unix_now();
  database_.transaction([&] {
    database_.execute(
        "INSERT INTO events (id, serial, job, created_at, level, type, message, data_json) VALUES (?, ?, ?, ?, ?, ?, "
        "?, ?)",
        {event.id, next_serial("events"), event.job, event.created_at, event.level, event.type, event.message,
         event.data});
  });
}

Page<EventRecord> Records::events(const std::string& job, const PageRequest& page) {
  const int64_t from = page.after.empty() ? INT64_MAX : serial_of("events", page.after);
  return page_of<EventRecord>(
      database_.query("SELECT * FROM events WHERE job = ? AND" + page_end(page), {job, from, page.limit + 1}),
      page.limit, to_event);
}

int64_t Records::count_faults(const std::string& job) {
  return database_.query("SELECT COUNT(*) AS n FROM events WHERE job = ? AND level <> 'info'", {job})
      .front()
      .integer("n");
}

std::vector<EventRecord> Records::events_after(const std::string& job, int64_t serial) {
  std::vector<EventRecord> events;
  for (const Row& row :
       database_.query("SELECT * FROM events WHERE job = ? AND serial > ? ORDER BY serial", {job, serial})) {
    events.push_back(to_event(row));
  }
  return events;
}

void Records::add(CheckpointRecord& checkpoint) {
  checkpoint.created_at = unix_now();
  checkpoint.id = new_id("ftckpt_");
  database_.transaction([&] {
    database_.execute("DELETE FROM checkpoints WHERE job = ? AND step = ?", {checkpoint.job, checkpoint.step});
    checkpoint.serial = next_serial("checkpoints");
    database_.execute(
        "INSERT INTO checkpoints (id, serial, job, created_at, step, model, metrics_json) VALUES (?, ?, ?, ?, ?, ?, ?)",
        {checkpoint.id, checkpoint.serial, checkpoint.job, checkpoint.created_at, checkpoint.step, checkpoint.model,
         checkpoint.metrics});
  });
}

Page<CheckpointRecord> Records::checkpoints(const std::string& job, const PageRequest& page) {
  const int64_t from = page.after.empty() ? INT64_MAX : serial_of("checkpoints", page.after);
  return page_of<CheckpointRecord>(
      database_.query("SELECT * FROM checkpoints WHERE job = ? AND" + page_end(page), {job, from, page.limit + 1}),
      page.limit, to_checkpoint);
}

void Records::add(ModelRecord model) {
  model.created_at = unix_now();
  database_.transaction([&] {
    model.serial = next_serial("models");
    database_.execute(
        "INSERT INTO models (name, serial, owner, created_at, base, folder, job, suffix) VALUES (?, ?, ?, ?, ?, ?, ?, "
        "?)",
        {model.name, model.serial, model.owner, model.created_at, model.base, model.folder, value_or_null(model.job),
         model.suffix});
  });
}

std::optional<ModelRecord> Records::model(const std::string& name) {
  const auto rows = database_.query("SELECT * FROM models WHERE name = ?", {name});
  if (rows.empty()) return std::nullopt;
  return to_model(rows.front());
}

std::vector<ModelRecord> Records::models() {
  std::vector<ModelRecord> models;
  for (const Row& row : database_.query("SELECT * FROM models ORDER BY serial")) models.push_back(to_model(row));
  return models;
}

std::optional<ModelRecord> Records::newest_model(const std::string& suffix) {
  const auto rows = database_.query(
      "SELECT * FROM models WHERE suffix = ? AND (owner = ? OR owner IN (SELECT name FROM keys WHERE role = 'admin'))"
      " ORDER BY serial DESC LIMIT 1",
      {suffix, std::string(kOpenOwner)});
  if (rows.empty()) return std::nullopt;
  return to_model(rows.front());
}

bool Records::remove_model(const std::string& name) {
  return database_.execute("DELETE FROM models WHERE name = ?", {name}) > 0;
}

}  // namespace hone::serve
