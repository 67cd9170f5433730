// An encoder in memory and the thread that makes vectors with it: one request after the other, in batches.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "model/encoder.h"
#include "text/tokenizer.h"

namespace hone::serve {

struct EmbeddingOptions {
  std::filesystem::path folder;  ///< of the encoder; empty: there are no embeddings
  std::string name;              ///< for clients; "" for the folder's
  size_t max_waiting = 64;       ///< requests; more are refused with 429
  size_t batch = 32;             ///< texts computed at once
};

class EmbeddingHost {
 public:
  using Sequences = std::vector<std::vector<int32_t>>;
  /// One vector a sequence, or why there are none. Called on the encoder's thread, once: must be quick, must not throw.
  using Done = std::function<void(std::vector<std::vector<float>> vectors, const std::exception_ptr& fault)>;

  /// Loads tokenizer and weights, in float32: vectors are compared with stored ones. Throws Error.
  explicit EmbeddingHost(EmbeddingOptions options);
  /// Requests that wait are told 503.
  ~EmbeddingHost();

  /// Every sequence must have 1 to max_length() ids, all below vocab_size(). Throws ApiError(429) where too many wait.
  /// Once the flag given back is set, the client is gone: nothing more is computed, and `done` is not called.
  std::shared_ptr<std::atomic<bool>> submit(Sequences sequences, Done done);

  const std::string& name() const { return options_.name; }
  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  int64_t max_length() const { return encoder_->config().max_length; }
  int64_t vocab_size() const { return encoder_->config().blocks.vocab_size; }
  int64_t dimensions() const { return encoder_->config().blocks.hidden_size; }

 private:
  struct Request {
    Sequences sequences;
    Done done;
    std::shared_ptr<std::atomic<bool>> gone;
  };
  void work();
  void answer(const Request& request);
  std::vector<std::vector<float>> embed(const Request& request);

  EmbeddingOptions options_;
  text::Tokenizer tokenizer_;
  std::unique_ptr<model::Encoder> encoder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::serve
