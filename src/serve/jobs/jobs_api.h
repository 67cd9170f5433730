// /v1/fine_tuning/jobs: create, list, retrieve, cancel, pause, resume, events, checkpoints.
#pragma once
#include "net/server.h"
#include "serve/jobs/supervisor.h"

namespace hone::serve {

class Jobs {
 public:
  Jobs(Records& records, Files& files, Catalog& catalog, Supervisor& supervisor)
      : records_(records), files_(files), catalog_(catalog), supervisor_(supervisor) {}

  /// Puts the job into its table and its data into its folder; `request_hash` and `retried` say whether it is one that
  /// a client sent before (and which is then given back).
  JobRecord create(JobRecord job, const Caller& caller, bool retried);
  /// A job that the caller may see; throws ApiError(404).
  JobRecord get(const std::string& id, const Caller& caller);
  JobRecord cancel(const std::string& id, const Caller& caller);
  JobRecord pause(const std::string& id, const Caller& caller);
  JobRecord resume(const std::string& id, const Caller& caller);
  const std::string& organization() const { return catalog_.options().organization; }
  Records& records() { return records_; }
  Catalog& catalog() { return catalog_; }

 private:
  JobRecord change(const JobRecord& job, const char* to, const std::string& message);
  void link(const std::string& file, const std::filesystem::path& as, const std::string& param, const Caller& caller);

  Records& records_;
  Files& files_;
  Catalog& catalog_;
  Supervisor& supervisor_;
};

/// Letters, digits, - and _; anything else becomes a -, since names of models travel in addresses.
std::string clean_suffix(const std::string& asked);
/// For a job whose client chose none.
int64_t random_seed();

/// The body of POST /v1/fine_tuning/jobs; throws ApiError.
JobRecord read_job(const Json& body);

/// The arguments must outlive the server.
void add_jobs_api(net::Server& server, Jobs& jobs);

}  // namespace hone::serve
