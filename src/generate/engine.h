// Many answers at once: requests join and leave between steps (continuous batching, Yu et al. 2022,
// "Orca"). Start here: Engine engine(decoder, tokenizer); engine.add(request); while (!engine.idle()) engine.step();
// or generate_all() where all requests are known. Not thread-safe: one thread owns an engine.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generate/sampling.h"
#include "generate/stop.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

namespace hone::generate {

struct Request {
  std::vector<int32_t> prompt;
  SamplingOptions sampling;
  StopRules stop;
  /// Draws depend on these two and the token's number alone, whatever else runs in the batch.
  uint64_t seed = 42, stream = 0;
};

enum class FinishReason {
  kNone,    ///< not finished
  kStop,    ///< a stop token or stop string
  kLength,  ///< max_new_tokens, or the context limit
};
/// "", "stop", "length"
const char* finish_reason_name(FinishReason reason);

/// One new token of one request.
struct Event {
  uint64_t id = 0;
  int32_t token = 0;
  std::string text;  ///< what became certain with it
  FinishReason finish = FinishReason::kNone;
  /// With the last event: the whole answer, as decoding all its ids at once gives it. It equals the texts
  /// joined except where a model writes bytes that are not UTF-8: how many U+FFFD stand for those depends on
  /// bytes that come later, in the reference too.
  std::string answer;
};

struct EngineOptions {
  size_t max_running = 32;     ///< sequences that advance together
  int64_t max_prefill = 2048;  ///< prompt tokens a step, so that running answers do not wait for long
                               ///< (a longer prompt goes in alone)
  int64_t context_limit = 0;   ///< positions a sequence may have; 0: no limit
};

class Engine {
 public:
  /// Both must outlive the engine.
  Engine(model::Decoder& decoder, const text::Tokenizer& tokenizer, EngineOptions options = {});
  ~Engine();

  /// Queues a request and returns its number. Throws Error(kInput) for an empty prompt, an id outside the
  /// vocabulary, a prompt that fills the context, options out of range.
  uint64_t add(Request request);
  /// Takes waiting requests in while there is room, then advances every running one by a token. One event
  /// a running request, in the order in which they were added. After a throw the engine is to be dropped.
  std::vector<Event> step();
  /// Forgets a request, waiting or running; there will be no event for it. False if there is none.
  bool cancel(uint64_t id);
  bool idle() const;
  size_t running() const;
  size_t waiting() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Completion {
  std::vector<int32_t> ids;  ///< generated tokens, the stop token included
  std::string text;          ///< without special tokens
  FinishReason finish = FinishReason::kNone;
};

/// Runs requests as `next` yields them (until it gives nothing) and hands completions to `done` in that
/// order, so that neither side has to hold all of them: at most `window` are read and not yet handed over.
/// An Error from `next`, or from adding what it gave, is thrown on when all requests before it are answered.
/// Stops with Error(kInterrupted) when hone::interrupted().
void generate_stream(Engine& engine, const std::function<std::optional<Request>()>& next,
                     const std::function<void(size_t index, Completion&&)>& done, size_t window);

/// All at once; completions in the order of the requests.
std::vector<Completion> generate_all(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                     const std::vector<Request>& requests, EngineOptions options = {});

}  // namespace hone::generate
