// What the commands of `hone ft` share.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/terminal.h"
#include "client/follow.h"

namespace CLI {
class App;
}

namespace hone::cli {

struct FtOptions {
  std::string base_url, api_key, certificates;
  int retries = 2;
  bool json = false;
};

/// --base-url, --api-key, --ca-file, --retries, --json.
void add_ft_options(CLI::App& app, FtOptions& options);

/// Calls `work` with the server that is meant; one that is not there is explained.
void with_server(const FtOptions& options, const std::function<void(client::FineTune&)>& work);

/// The fields of a job, one a line.
std::string job_text(const client::Job& job);
/// "14:03:22  message", with the level where it is no plain information.
std::string event_text(const client::Event& event);

/// What a person sees of a job that goes on: its messages, and a bar of its steps on standard error.
class JobView {
 public:
  void show(const std::vector<client::Event>& events);
  void finish();

 private:
  std::unique_ptr<Progress> bar_;
};

/// Follows with what is common: interruptions, and a line when the server goes away. Throws Error(kInterrupted), saying
/// that the job goes on, when a person ends it.
client::Job follow_job(client::FineTune& server, const std::string& job, double interval,
                       const std::function<void(const std::vector<client::Event>&)>& on_events);

}  // namespace hone::cli
