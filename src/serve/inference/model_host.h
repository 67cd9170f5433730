// The base model in memory and the thread that steps it. Requests of any number of clients and adapters share its
// batch; each hears of its own tokens alone.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "generate/adapter_pool.h"
#include "generate/constraints/token_trie.h"
#include "generate/engine.h"
#include "generate/model_text.h"

namespace hone::serve {

/// What becomes of one request. Called on the model's thread: must be quick and must not throw.
class Listener {
 public:
  virtual ~Listener() = default;
  /// One more token of answer `index`; the last one has event.finish.
  virtual void token(size_t index, const generate::Event& event) = 0;
  /// Nothing more comes. Before the first token it is what was wrong with the request.
  virtual void failed(const std::exception_ptr& why) = 0;
};

struct HostOptions {
  generate::EngineOptions engine;
  generate::AdapterLimits adapters;
  size_t max_waiting = 256;  ///< answers that wait for a place in the batch; more are refused with 429
};

struct HostFigures {
  size_t running = 0, waiting = 0;  ///< answers
  uint64_t prompt_tokens = 0, generated_tokens = 0, steps = 0;
};

class ModelHost {
 public:
  /// Both must outlive it.
  ModelHost(model::Decoder& decoder, const generate::ModelText& text, HostOptions options);
  ~ModelHost();

  /// Queues the answers of one request, all with the adapter in the folder `adapter` (empty: the base alone), which is
  /// read if it is not in memory: an Error of that is this request's alone. Throws ApiError(429) where too many wait.
  uint64_t submit(std::vector<generate::Request> answers, const std::filesystem::path& adapter,
                  std::shared_ptr<Listener> listener);
  /// Forgets it within a step; its listener hears nothing more. Never affects another.
  void cancel(uint64_t ticket);
  /// Gives up the memory of an adapter; answers that use it end with it.
  void forget(const std::filesystem::path& adapter);
  HostFigures figures() const;
  generate::AdapterCounts adapters() const { return pool_.counts(); }

  const generate::ModelText& text() const { return text_; }
  /// Renders conversations; its template is read once, when it is first asked for.
  const text::ChatEncoder& encoder();
  /// For constraints; made when it is first asked for.
  std::shared_ptr<const generate::TokenTrie> tokens();
  const model::DecoderConfig& config() const { return decoder_.config(); }
  /// Positions that prompt and answer have together.
  int64_t context_limit() const { return options_.engine.context_limit; }
  size_t max_waiting() const { return options_.max_waiting; }

 private:
  struct Job {
    uint64_t ticket = 0;
    std::vector<generate::Request> answers;
    std::shared_ptr<Listener> listener;
  };
  struct Running {
    uint64_t ticket = 0;
    size_t index = 0;
    std::shared_ptr<Listener> listener;
  };

  void work();
  void take(Job job);
  void drop(uint64_t ticket);
  void deliver(const std::vector<generate::Event>& events);
  void fail_all(const std::exception_ptr& why);

  model::Decoder& decoder_;
  const generate::ModelText& text_;
  HostOptions options_;
  generate::AdapterPool pool_;
  std::once_flag encoder_made_, tokens_made_;
  std::optional<text::ChatEncoder> encoder_;
  std::shared_ptr<const generate::TokenTrie> tokens_;
  std::unique_ptr<generate::Engine> engine_;  // the model's thread alone
  std::map<uint64_t, Running> answers_;       // by number in the engine; likewise
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> incoming_;
  std::vector<uint64_t> cancelled_;
  HostFigures figures_;
  uint64_t next_ticket_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone::serve
