// POST /v1/feedback/datasets: a file of training data from feedback, and a job that trains on it.
#pragma once
#include "serve/ab/experiments.h"
#include "serve/files/files.h"
#include "serve/jobs/jobs_api.h"

namespace hone::serve {

/// `spool`: a folder for files that are being written. The arguments must outlive the server.
void add_dataset_api(net::Server& server, Experiments& experiments, Files& files, Jobs& jobs,
                     const std::filesystem::path& spool);

}  // namespace hone::serve
