// A job and its events in the words of the API before fine_tuning.jobs.
#pragma once
#include "serve/records.h"

namespace hone::serve {

/// pending, running, succeeded, failed, cancelled.
const char* fine_tune_status(const JobRecord& job);
/// With its files embedded (those that have been deleted by id alone), and its events where `with_events`.
Json fine_tune_json(const JobRecord& job, Records& records, const std::string& organization, bool with_events);
Json fine_tune_event_json(const EventRecord& event);
/// All events, the oldest first.
Json fine_tune_events_json(const std::string& job, Records& records);

}  // namespace hone::serve
