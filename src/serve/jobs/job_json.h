// Jobs, events and checkpoints as the API shows them.
#pragma once
#include "serve/records.h"

namespace hone::serve {

Json job_json(const JobRecord& job, const std::string& organization);
Json event_json(const EventRecord& event);
Json checkpoint_json(const CheckpointRecord& checkpoint);

}  // namespace hone::serve
