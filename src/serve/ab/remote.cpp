#include "serve/ab/remote.h"

#include "serve/ab/remote_answer.h"
#include "serve/api_error.h"

namespace hone::serve {

Remote::Remote(RemoteOptions options) : options_(std::move(options)) {
  for (int i = 0; i < options_.threads && !options_.endpoints.empty(); ++i) threads_.emplace_back([this] { work(); });
}

Remote::~Remote() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Remote::send(RemoteRequest request, net::Responder responder) {
  auto gone = std::make_shared<std::atomic<bool>>(false);
  responder.on_gone([gone] { *gone = true; });
  {
    const std::lock_guard lock(mutex_);
    // An endpoint that an experiment names may have been left out at this start.
    if (!options_.endpoints.contains(request.endpoint) || waiting_.size() >= options_.max_waiting) {
      if (request.trace) request.trace->forget();
      if (options_.endpoints.contains(request.endpoint)) refuse_busy();
      throw ApiError(503, "The endpoint " + request.endpoint + " is not configured on this server.");
    }
    waiting_.push_back({std::move(request), std::move(responder), std::move(gone)});
  }
  changed_.notify_one();
}

void Remote::work() {
  net::Client client;
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    if (!*job.gone) answer(client, job);
  }
}

void Remote::answer(net::Client& client, Job& job) {
  const Endpoint& endpoint = options_.endpoints.at(job.request.endpoint);
  RemoteAnswer answer(job.request, job.responder);
  const auto goes_on = [&] { return !*job.gone && !stopping_; };
  net::ClientRequest request;
  request.method = "POST";
  request.url = endpoint.url + job.request.path;
  if (!endpoint.key.empty()) request.headers.emplace_back("authorization", "Bearer " + endpoint.key);
  request.body = job.request.body;
  request.retries = 0;  // the client that asked tries again by itself
  request.on_sent = [&](int64_t, int64_t) { return goes_on(); };
  if (job.request.stream) request.on_data = [&](std::string_view data) { return goes_on() && answer.take(data); };
  try {
    const net::ClientAnswer whole = client.send(request);
    answer.end(whole.status, whole.body);
  } catch (const std::exception&) {
    // A client that left hears nothing more; what the error says may hold the endpoint's address.
    if (goes_on()) answer.fail(502, "The endpoint " + job.request.endpoint + " gave no answer.");
  }
}

}  // namespace hone::serve
