#include "serve/schema.h"

#include "serve/ab/tables.h"

namespace hone::serve {
namespace {

// Times are Unix seconds; columns that hold JSON say so in their name. `serial` counts up in the order in which rows
// came to be: pages go by it, since several rows may share a second.
constexpr const char* kFirst = R"sql(
CREATE TABLE files (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  filename TEXT NOT NULL,
  purpose TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  sha256 TEXT NOT NULL
);
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  legacy BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  status TEXT NOT NULL,
  model TEXT NOT NULL,
  base TEXT NOT NULL,
  training_file TEXT NOT NULL,
  validation_file TEXT,
  suffix TEXT NOT NULL,
  seed BIGINT NOT NULL,
  method TEXT NOT NULL,
  hyperparameters_json TEXT NOT NULL,
  metadata_json TEXT NOT NULL,
  integrations_json TEXT NOT NULL,
  error_json TEXT,
  fine_tuned_model TEXT,
  result_file TEXT,
  trained_tokens BIGINT,
  estimated_finish BIGINT,
  step BIGINT NOT NULL,
  total_steps BIGINT NOT NULL,
  attempts BIGINT NOT NULL
);
CREATE INDEX jobs_status ON jobs (status);
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  job TEXT NOT NULL REFERENCES jobs (id),
  created_at BIGINT NOT NULL,
  level TEXT NOT NULL,
  type TEXT NOT NULL,
  message TEXT NOT NULL,
  data_json TEXT NOT NULL
);
CREATE INDEX events_job ON events (job, serial);
CREATE TABLE models (
  name TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  base TEXT NOT NULL,
  folder TEXT NOT NULL,
  job TEXT,
  suffix TEXT NOT NULL
);
CREATE TABLE checkpoints (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  job TEXT NOT NULL REFERENCES jobs (id),
  created_at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  model TEXT NOT NULL,
  metrics_json TEXT NOT NULL,
  UNIQUE (job, step)
);
CREATE TABLE keys (
  hash TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
)sql";

constexpr store::Migration kSteps[] = {{1, "files, jobs, events, models, checkpoints, keys", kFirst},
                                       {2, "experiments, completions, feedback", kExperimentTables}};

}  // namespace

std::span<const store::Migration> migrations() {
  return kSteps;
}

}  // namespace hone::serve
