// What is written down of answers, in batches on a thread of its own: the model's thread only puts it into a queue.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "store/database.h"

namespace hone::serve {

/// One request's answer. Without an experiment only that it was there, and its text where that is kept.
struct Answered {
  std::string id, owner, model;
  std::string experiment, variant, user_hash;  ///< "" for none
  int64_t created_at = 0, choices = 1, period = 0;
  bool counted = false;                                      ///< belongs to the experiment's figures
  std::optional<std::string> prompt;                         ///< kept with the answers, where text is kept
  std::optional<std::string> answers;                        ///< a message or a text each choice
  std::vector<std::pair<const char*, double>> observations;  ///< automatic metrics
};

/// Thread-safe. What was added is in the table soon after, in the order in which it came.
class Recorder {
 public:
  /// `noticed` hears, on this thread, which experiments have new observations. The database must outlive it.
  Recorder(store::Database& database, std::function<void(const std::set<std::string>&)> noticed);
  ~Recorder();  ///< writes what waits
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Never waits. While the database takes nothing and very many wait already, it is dropped.
  void add(Answered answered);
  /// Returns when what was added before is written, or false when that takes too long.
  bool flush();

 private:
  void work();
  void write(const std::vector<Answered>& batch);
  void write_unless_refused(const Answered& one);
  void write_what_can_be(std::vector<Answered>& batch);

  store::Database& database_;
  std::function<void(const std::set<std::string>&)> noticed_;
  std::mutex mutex_;
  std::condition_variable changed_, written_;
  std::vector<Answered> waiting_;
  uint64_t added_ = 0, done_ = 0;
  bool urgent_ = false, stopping_ = false;
  std::thread thread_;
};

/// The life of one request: made when its answer begins, over once. Any thread.
class Trace {
 public:
  Trace(Recorder& recorder, Answered answered);
  ~Trace();  ///< a client that left before the end: the request counts, its times do not
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  void first_token();
  /// Whether finished() does anything with the answers.
  bool keeps_text();
  /// `answers`: a message or text each; `tokens` of all together, where that is known.
  void finished(std::optional<int64_t> tokens, const Json& answers);
  /// `status` as the client sees it: from 500 on the variant is to blame.
  void failed(int status);
  /// Nothing is written down: the request was refused before anybody began to answer it.
  void forget();

 private:
  double milliseconds() const;
  void record();

  Recorder& recorder_;
  const std::chrono::steady_clock::time_point begin_;
  std::mutex mutex_;
  Answered answered_;
  bool over_ = false, begun_ = false;
};

}  // namespace hone::serve
