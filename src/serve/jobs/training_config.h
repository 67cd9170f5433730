// A job's request as the configuration of an ordinary training run.
#pragma once
#include <filesystem>

#include "recipe/train_config.h"
#include "serve/catalog.h"
#include "serve/jobs/supervisor.h"

namespace hone::serve {

/// Says that the job's prompts and completions are one raw text each, as in the API of their time, whatever template
/// the base has: the prompt, the completion right after it, the end token. Training sees what /v1/completions asks.
void write_raw_template(const std::filesystem::path& folder);

/// `folder` holds train.jsonl and, where `validates`, validation.jsonl; the run is written to folder/run. `start`: the
/// adapter that the job goes on from; "" for a fresh one. Hyperparameters of `job` must be resolved.
recipe::TrainConfig training_config(const JobRecord& job, const std::filesystem::path& folder, bool validates,
                                    const std::filesystem::path& base, const std::filesystem::path& start,
                                    const JobSettings& settings);

}  // namespace hone::serve
