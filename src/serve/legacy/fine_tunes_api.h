// /v1/fine-tunes, the API that openai 0.28 and older clients speak: create, list, retrieve, cancel, events, delete. The
// jobs are those of /v1/fine_tuning/jobs with ids of their own kind; lines of prompt and completion are trained as the
// raw texts that they were there.
#pragma once
#include "net/server.h"
#include "serve/inference/model_host.h"
#include "serve/jobs/jobs_api.h"
#include "serve/legacy/event_streams.h"

namespace hone::serve {

/// The arguments must outlive the server.
void add_fine_tunes_api(net::Server& server, Jobs& jobs, EventStreams& streams, ModelHost& host);

}  // namespace hone::serve
