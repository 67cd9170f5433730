// One job while its worker runs: what the worker writes becomes events, checkpoints and, in the end, a model.
#pragma once
#include <filesystem>
#include <memory>
#include <set>

#include "serve/catalog.h"
#include "serve/files/files.h"
#include "serve/jobs/progress.h"
#include "serve/jobs/worker.h"

namespace hone::serve {

struct JobPlaces {
  std::filesystem::path folder;  ///< of the job: config.yaml, run/, what the worker prints
  std::filesystem::path models;  ///< below which published adapters lie
};

class JobRun {
 public:
  /// Starts the worker; the job's row must say running, and config.yaml lie in its folder.
  JobRun(Records& records, Files& files, Catalog& catalog, JobRecord job, JobPlaces places, const WorkerLimits& limits);
  ~JobRun();

  const std::string& job() const { return job_.id; }
  /// Looks at what is new; false when the worker has ended and the job's row says so. May throw where the database does
  /// not answer or the disk is full: the worker goes on, and the next call does what is left.
  bool poll();
  /// Asks the worker to save and end, because the server does; the row keeps saying running.
  void shut_down(double seconds);

 private:
  void read_row(const JobRecord& row);
  void read_metrics(bool all);
  void report(const StepMetrics& step);
  void publish_checkpoints();
  void publish_checkpoint(int64_t step);
  bool ends_epoch(int64_t step) const { return step % steps_per_epoch_ == 0 || step == job_.total_steps; }
  void drop_checkpoints(const std::vector<int64_t>& steps);
  /// Copies what answers need of `adapter` below models; the row that makes it a model is for the caller to add.
  ModelRecord copy_adapter(const std::filesystem::path& adapter, const std::string& name, const std::string& folder);
  void ended(const Worker::Exit& exit);
  void succeed();
  void fail(const std::string& code, const std::string& message);
  void killed(const Worker::Exit& exit);
  void pause_for_space(const std::string& text);
  /// Writes what has become of the job, with these events, where the row still says running; throws otherwise.
  void conclude(const JobRecord& job, const std::vector<EventRecord>& events);
  void read_plan();
  EpochPlan epoch_plan() const;
  std::filesystem::path run() const { return places_.folder / "run"; }

  Records& records_;
  Files& files_;
  Catalog& catalog_;
  JobRecord job_;
  JobPlaces places_;
  WorkerLimits limits_;
  std::unique_ptr<Worker> worker_;
  MetricsTail tail_;
  StepTable steps_;
  int64_t steps_per_epoch_ = 0, total_steps_ = 0;
  std::set<int64_t> published_;  ///< steps of checkpoints that are in the table
  bool asked_ = false;           ///< to stop
  bool sure_ = false;            ///< that published_ is what the table says: not after a fault in writing it
};

}  // namespace hone::serve
