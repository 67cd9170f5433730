#include "serve/jobs/job_fault.h"

#include <nlohmann/json.hpp>

#include "serve/ids.h"

namespace hone::serve {

EventRecord fail_job(JobRecord& job, const JobFault& fault) {
  const Json param = fault.param.empty() ? Json(nullptr) : Json(fault.param);
  job.status = status::kFailed;
  job.error = to_line({{"code", fault.code}, {"message", fault.message}, {"param", param}});
  job.finished_at = unix_now();
  job.estimated_finish.reset();
  return {.job = job.id, .level = "error", .message = "Fine-tuning job failed: " + fault.message};
}

}  // namespace hone::serve
