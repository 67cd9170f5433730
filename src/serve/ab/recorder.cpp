#include "serve/ab/recorder.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "serve/ab/automatic_metrics.h"
#include "serve/ab/statistics.h"
#include "serve/row_pages.h"

namespace hone::serve {
namespace {

constexpr size_t kMostWaiting = 100'000;
constexpr auto kGather = std::chrono::milliseconds(20);  // so long a batch waits for more
constexpr auto kPause = std::chrono::seconds(1);         // before the database is tried again
constexpr auto kFlushPatience = std::chrono::seconds(10);

store::Value or_null(const std::string& text) {
  return text.empty() ? store::Value(nullptr) : store::Value(text);
}

void write_one(store::Database& database, const Answered& one) {
  // An experiment that was deleted meanwhile takes nothing more.
  if (!one.experiment.empty() && database.query("SELECT id FROM experiments WHERE id = ?", {one.experiment}).empty())
    return;
  const bool keeps = one.prompt && one.answers;
  database.execute(
      "INSERT INTO completions (id, owner, created_at, model, choices, experiment, variant, user_hash, counted,"
      " prompt_json, answers_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
      {one.id, one.owner, one.created_at, one.model, one.choices, or_null(one.experiment), or_null(one.variant),
       or_null(one.user_hash), int64_t{one.counted ? 1 : 0}, value_or_null(keeps ? one.prompt : std::nullopt),
       value_or_null(keeps ? one.answers : std::nullopt)});
  if (one.experiment.empty()) return;
  database.execute(
      "INSERT INTO experiment_requests (experiment, variant, requests) VALUES (?, ?, 1)"
      " ON CONFLICT (experiment, variant) DO UPDATE SET requests = experiment_requests.requests + 1",
      {one.experiment, one.variant});
  if (!one.counted) return;
  UserValues values(database);
  values.seen(one.experiment, one.variant, one.user_hash, one.period);
  for (const auto& [metric, value] : one.observations)
    values.add(one.experiment, metric, one.variant, one.user_hash, value);
}

}  // namespace

Recorder::Recorder(store::Database& database, std::function<void(const std::set<std::string>&)> noticed)
    : database_(database), noticed_(std::move(noticed)), thread_([this] { work(); }) {}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Recorder::add(Answered answered) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) return;
    waiting_.push_back(std::move(answered));
    ++added_;
  }
  changed_.notify_all();
}

bool Recorder::flush() {
  std::unique_lock lock(mutex_);
  const uint64_t until = added_;
  if (done_ >= until) return true;
  urgent_ = true;
  changed_.notify_all();
  return written_.wait_for(lock, kFlushPatience, [&] { return done_ >= until; });
}

void Recorder::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    changed_.wait_for(lock, kGather, [&] { return stopping_ || urgent_; });
    urgent_ = false;
    std::vector<Answered> batch;
    batch.swap(waiting_);
    lock.unlock();
    const size_t taken = batch.size();
    write_what_can_be(batch);
    lock.lock();
    done_ += taken - batch.size();
    written_.notify_all();
    if (batch.empty()) continue;
    if (stopping_) return;
    waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    changed_.wait_for(lock, kPause, [&] { return stopping_; });
  }
}

void Recorder::write_unless_refused(const Answered& one) {
  try {
    write({one});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
  }
}

/// Takes out of `batch` what is written or never can be: what stays waits for the database.
void Recorder::write_what_can_be(std::vector<Answered>& batch) {
  try {
    write(batch);
    return batch.clear();
  } catch (const std::exception&) {
    // One by one, so that one that the database refuses does not keep the others out.
  }
  size_t through = 0;
  try {
    for (; through < batch.size(); ++through) write_unless_refused(batch[through]);
  } catch (const std::exception&) {
    // A full disk, a database that is away.
  }
  batch.erase(batch.begin(), batch.begin() + static_cast<ptrdiff_t>(through));
}

void Recorder::write(const std::vector<Answered>& batch) {
  database_.transaction([&] {
    for (const Answered& one : batch) write_one(database_, one);
  });
  std::set<std::string> experiments;
  for (const Answered& one : batch) {
    if (one.counted) experiments.insert(one.experiment);
  }
  if (!experiments.empty()) noticed_(experiments);
}

Trace::Trace(Recorder& recorder, Answered answered)
    : recorder_(recorder), begin_(std::chrono::steady_clock::now()), answered_(std::move(answered)) {}

Trace::~Trace() {
  if (!over_) record();
}

double Trace::milliseconds() const {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_).count();
}

bool Trace::keeps_text() {
  const std::lock_guard lock(mutex_);
  return !over_ && answered_.prompt.has_value();
}

void Trace::first_token() {
  const std::lock_guard lock(mutex_);
  if (begun_) return;
  begun_ = true;
  answered_.observations.emplace_back(automatic::kFirstToken, milliseconds());
}

void Trace::finished(std::optional<int64_t> tokens, const Json& answers) {
  const std::lock_guard lock(mutex_);
  if (over_) return;
  answered_.observations.emplace_back(automatic::kLatency, milliseconds());
  answered_.observations.emplace_back(automatic::kError, 0);
  if (tokens) answered_.observations.emplace_back(automatic::kTokens, static_cast<double>(*tokens));
  if (answered_.prompt) answered_.answers = to_line(answers);
  record();
}

void Trace::failed(int status) {
  const std::lock_guard lock(mutex_);
  if (over_) return;
  constexpr int kServerError = 500;
  answered_.observations.clear();
  answered_.observations.emplace_back(automatic::kError, status >= kServerError ? 1 : 0);
  record();
}

void Trace::forget() {
  const std::lock_guard lock(mutex_);
  over_ = true;
}

void Trace::record() {
  over_ = true;
  recorder_.add(std::move(answered_));
}

}  // namespace hone::serve
