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

  /// Looks at what is new; false when the worker has ended and the job's row says so.
  bool poll();
  /// Asks the worker to save and end, because the server does; the row keeps saying running.
  void shut_down(double seconds);

 private:
  void read_metrics(bool all);
  void report(const StepMetrics& step);
  void publish_checkpoints();
  void publish_checkpoint(int64_t step);
  void publish(const std::filesystem::path& adapter, const std::string& name);
  void ended(const Worker::Exit& exit);
  void succeed();
  void fail(const std::string& code, const std::string& message);
  /// Writes what has become of job_, with these events, where the row still says running; throws otherwise.
  void conclude(const std::vector<EventRecord>& events);
  void read_plan();
  EpochPlan epoch_plan() const;
  std::filesystem::path run() const { return places_.folder / "run"; }

  Records& records_;
  Files& files_;
  Catalog& catalog_;
  JobRecord job_;
  JobPlaces places_;
  std::unique_ptr<Worker> worker_;
  MetricsTail tail_;
  StepTable steps_;
  int64_t steps_per_epoch_ = 0;
  std::set<int64_t> published_;  ///< steps of checkpoints that are in the table
  bool asked_ = false;           ///< to stop
};

}  // namespace hone::serve
