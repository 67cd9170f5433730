// Variants that another OpenAI-compatible service answers. Which services there are is the operator's word alone:
// nothing that a client sends becomes an address.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "net/client.h"
#include "net/responder.h"
#include "serve/ab/recorder.h"

namespace hone::serve {

struct Endpoint {
  std::string url;  ///< up to and with "/v1", without a slash at the end
  std::string key;  ///< sent as Bearer; "" for none
};

struct RemoteOptions {
  std::map<std::string, Endpoint> endpoints;
  int threads = 8;           ///< requests that are answered at once
  size_t max_waiting = 256;  ///< more are refused with 429
};

/// One request that goes elsewhere.
struct RemoteRequest {
  std::string endpoint, path;  ///< path below the endpoint's URL: "/chat/completions"
  std::string id, model;       ///< as the answer is to show them
  std::string body;            ///< JSON that is sent
  bool stream = false;
  bool include_usage = false;  ///< the client asked for it; from the endpoint it is always asked
  net::Fields headers;         ///< further ones of the answer
  std::shared_ptr<Trace> trace;
};

class Remote {
 public:
  explicit Remote(RemoteOptions options);
  ~Remote();  ///< ends what runs
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  /// Queues it; the answer goes to `responder`. A client that leaves ends the request there within a second.
  void send(RemoteRequest request, net::Responder responder);

 private:
  struct Job {
    RemoteRequest request;
    net::Responder responder;
    std::shared_ptr<std::atomic<bool>> gone;
  };
  void work();
  void answer(net::Client& client, Job& job);

  RemoteOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hone::serve
