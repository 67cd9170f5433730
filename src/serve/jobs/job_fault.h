// Why a job failed, in the one form in which its row and its events say so.
#pragma once
#include <string>

#include "serve/records.h"

namespace hone::serve {

struct JobFault {
  std::string code, message, param;  ///< the last is null for clients where it is ""
};

/// Makes the job a failed one, as of now; returns the event that goes with it.
EventRecord fail_job(JobRecord& job, const JobFault& fault);

}  // namespace hone::serve
