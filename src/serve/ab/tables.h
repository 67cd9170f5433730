// Tables of experiments, of the completions that feedback can be given to, and of the feedback.
#pragma once

namespace hone::serve {

// Users are kept as a hash of their name (user_hash); NULL: the request named none. `counted`: it belongs to the
// experiment's figures; what was answered while nobody drew lots does not.
inline constexpr const char* kExperimentTables = R"sql(
CREATE TABLE experiments (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  status TEXT NOT NULL,
  promoted TEXT,
  period BIGINT NOT NULL, -- counts the changes of weights
  auto_roll_back BIGINT NOT NULL,
  keeps_text BIGINT NOT NULL,
  minimum_per_variant BIGINT NOT NULL,
  alpha DOUBLE PRECISION NOT NULL,
  expected DOUBLE PRECISION NOT NULL,
  variants_json TEXT NOT NULL,
  metrics_json TEXT NOT NULL,
  segments_json TEXT NOT NULL,
  periods_json TEXT NOT NULL,
  history_json TEXT NOT NULL,
  metadata_json TEXT NOT NULL,
  UNIQUE (owner, name)
);
CREATE TABLE experiment_requests (
  experiment TEXT NOT NULL,
  variant TEXT NOT NULL,
  requests BIGINT NOT NULL,
  PRIMARY KEY (experiment, variant)
);
CREATE TABLE experiment_users (
  experiment TEXT NOT NULL,
  user_hash TEXT NOT NULL,
  variant TEXT NOT NULL,
  period BIGINT NOT NULL,
  PRIMARY KEY (experiment, user_hash)
);
CREATE TABLE experiment_values (
  experiment TEXT NOT NULL,
  metric TEXT NOT NULL,
  variant TEXT NOT NULL,
  user_hash TEXT NOT NULL,
  observations BIGINT NOT NULL,
  total DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (experiment, metric, variant, user_hash)
);
CREATE TABLE completions (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  model TEXT NOT NULL,
  choices BIGINT NOT NULL,
  experiment TEXT,
  variant TEXT,
  user_hash TEXT,
  counted BIGINT NOT NULL,
  prompt_json TEXT,
  answers_json TEXT
);
CREATE INDEX completions_experiment ON completions (experiment);
CREATE TABLE feedback (
  id TEXT PRIMARY KEY,
  serial BIGINT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  request_hash TEXT NOT NULL,
  completion TEXT,
  choice BIGINT NOT NULL,
  experiment TEXT,
  variant TEXT,
  user_hash TEXT,
  counted BIGINT NOT NULL,
  thumb TEXT,
  score DOUBLE PRECISION,
  metrics_json TEXT NOT NULL,
  correction TEXT,
  comment TEXT,
  UNIQUE (completion, choice)
);
CREATE INDEX feedback_user ON feedback (experiment, user_hash);
CREATE INDEX feedback_owner ON feedback (owner, serial);
)sql";

}  // namespace hone::serve
