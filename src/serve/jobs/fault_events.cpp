#include "serve/jobs/fault_events.h"

#include <nlohmann/json.hpp>

namespace hone::serve {

FaultEvents::FaultEvents(Records& records, std::string job)
    : records_(records), job_(std::move(job)), known_(records.count_faults(job_)) {}

void FaultEvents::add(const DataFault& fault) {
  constexpr size_t kBatch = 500;
  if (++seen_ <= known_) return;
  Json data = {{"param", fault.param}};
  if (fault.line > 0) data["line"] = fault.line;
  if (!fault.check.empty()) data["check"] = fault.check;
  waiting_.push_back({.job = job_,
                      .level = fault.is_error ? "error" : "warn",
                      .message = fault.param + ": " + fault.text,
                      .data = to_line(data)});
  if (waiting_.size() >= kBatch) write();
}

void FaultEvents::write() {
  if (waiting_.empty()) return;
  bool counts = true;
  records_.database().transaction([&] {
    const auto job = records_.job(job_);
    counts = job && job->status == status::kValidating;
    if (!counts) return;
    for (const EventRecord& event : waiting_) records_.add(event);
  });
  abandoned_ = !counts;
  waiting_.clear();
}

}  // namespace hone::serve
