// Fine-tuning jobs of a server that speaks OpenAI's API: the six methods of the lecture's class FineTune (create, list,
// retrieve, delete, download, events), and what they need beside them.
//
//   client::FineTune server(client::endpoint_from("", ""));
//   const auto file = server.upload("train.jsonl");
//   const auto job = server.create({.training_file = file.id, .model = "gpt-4o-mini-2024-07-18"});
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/api_error.h"
#include "client/endpoint.h"
#include "client/records.h"
#include "net/client.h"

namespace hone::client {

/// What is not given is left to the server ("auto").
struct JobSettings {
  std::string training_file, validation_file;  ///< ids
  std::string model, suffix;
  std::string method;  ///< "supervised" or "dpo"; "" leaves it out, for servers that know none
  std::optional<int64_t> seed, n_epochs, batch_size;
  std::optional<double> learning_rate_multiplier, beta;  ///< beta is dpo's
  std::map<std::string, std::string> metadata;
};

/// Any thread may use an object, one call at a time. Every method throws ApiError where the server refuses, with what
/// is known by such a name where it knows none (404), and net::NoAnswer where there is no server. Lost connections,
/// 408, 409, 429 and 5xx are tried again with x-stainless-retry-count, by which hone serve gives the same job or file
/// again rather than a second one.
class FineTune {
 public:
  explicit FineTune(Endpoint endpoint);

  Job create(const JobSettings& settings);
  /// The newest first; `after`: those behind that id.
  Page<Job> list(int64_t limit = 20, const std::string& after = "");
  Job retrieve(const std::string& job);
  Job cancel(const std::string& job);
  /// The lecture's delete, a word that C++ keeps for itself. A job (ftjob-…) that is not over is cancelled, one that is
  /// over refused; a file (file-…) or, by any other name, a model is deleted. The answer of the server.
  Json remove(const std::string& id);
  /// The content of a file, at `path` whole or not at all; what is there is replaced.
  void download(const std::string& file, const std::filesystem::path& path);
  /// The newest first; `after`: those behind (older than) that id.
  Page<Event> events(const std::string& job, int64_t limit = 20, const std::string& after = "");

  /// `on_sent` gets bytes out of all while it goes out; false ends it with Error(kInterrupted).
  File upload(const std::filesystem::path& path, const std::function<bool(int64_t, int64_t)>& on_sent = nullptr);
  File file(const std::string& id);

  void set_retries(int retries) { retries_ = retries; }
  int retries() const { return retries_; }
  /// Called before a request is repeated: the status (0: no answer) and the seconds until then.
  void on_wait(std::function<void(int, double)> call) { on_wait_ = std::move(call); }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  net::ClientAnswer send(net::ClientRequest request, const std::string& path);
  Json ask(const std::string& method, const std::string& path, const std::string& body = "");
  /// What `call` returns; a 404 it throws gets the names of `collection` as its remedy.
  template <typename Call>
  auto naming(const std::string& collection, const std::string& id, const Call& call);
  std::vector<std::string> names(const std::string& collection);

  Endpoint endpoint_;
  net::Client client_;
  int retries_ = 2;
  std::function<void(int, double)> on_wait_;
};

/// The body of the request that create() sends.
std::string job_body(const JobSettings& settings);

}  // namespace hone::client
