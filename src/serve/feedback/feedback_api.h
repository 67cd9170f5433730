// /v1/feedback: what people thought of an answer; give, list, take back.
#pragma once
#include "net/server.h"
#include "serve/ab/experiments.h"
#include "serve/ab/guard_watch.h"
#include "serve/ab/recorder.h"
#include "serve/feedback/feedback_record.h"

namespace hone::serve {

/// The arguments must outlive the server.
void add_feedback_api(net::Server& server, FeedbackTable& table, Experiments& experiments, Recorder& recorder,
                      GuardWatch& guards);

}  // namespace hone::serve
