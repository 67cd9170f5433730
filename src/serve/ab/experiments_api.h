// /v1/experiments: create, list, retrieve, change, promote, roll back, resume, stop, delete, assignment, statistics.
#pragma once
#include "net/server.h"
#include "serve/ab/experiments.h"
#include "serve/ab/recorder.h"

namespace hone::serve {

/// The arguments must outlive the server.
void add_experiments_api(net::Server& server, Experiments& experiments, Recorder& recorder);

}  // namespace hone::serve
