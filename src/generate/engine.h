// Many answers at once: requests join and leave between steps (continuous batching, Yu et al. 2022,
// "Orca"). Start here: Engine engine(decoder, tokenizer); engine.add(request); while (!engine.idle()) engine.step();
// or generate_all() where all requests are known. Not thread-safe: one thread owns an engine.
//
// On a processor with the kernels of this library an answer is the same, its logits to the bit, whatever else runs: the
// same request to the same adapter gives the same tokens alone and in any batch. It holds for one number of threads and
// one EngineOptions::prefill_chunk. On other devices, and with HONE_KERNELS=none, equal logits are not promised.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "generate/constraint.h"
#include "generate/logprobs.h"
#include "generate/sampling.h"
#include "generate/stop.h"
#include "model/adapter_weights.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

namespace hone::generate {

struct Request {
  std::vector<int32_t> prompt;
  SamplingOptions sampling;
  StopRules stop;
  /// Draws depend on these two and the token's number alone, whatever else runs in the batch.
  uint64_t seed = 42, stream = 0;
  /// Whose updates the model takes for this request (exchange::load_adapter); null: the model's as it is. It lives as
  /// long as the request.
  std::shared_ptr<const model::AdapterWeights> adapter = nullptr;
  /// Each event says how likely its token was, and so many of the likeliest (0 to 20).
  std::optional<int> logprobs = std::nullopt;
  bool prompt_logprobs = false;                      ///< the first event says the same of the prompt's tokens
  std::shared_ptr<Constraint> constraint = nullptr;  ///< of this answer alone
  /// The number of an earlier request with the same prompt and adapter (n answers to one question): its work on the
  /// prompt is copied if it is still there. The answer is the same either way.
  uint64_t shares_prompt_with = 0;
};

enum class FinishReason {
  kNone,    ///< not finished
  kStop,    ///< a stop token or stop string
  kLength,  ///< max_new_tokens, or the context limit
  kError,   ///< this request alone could not go on; Event::error says why
};
/// "", "stop", "length", "error"
const char* finish_reason_name(FinishReason reason);

/// One new token of one request.
struct Event {
  uint64_t id = 0;
  int32_t token = 0;      ///< -1 with kError
  std::string text = "";  ///< what became certain with it
  FinishReason finish = FinishReason::kNone;
  /// With the last event: the whole answer, as decoding all its ids at once gives it. It equals the texts
  /// joined except where a model writes bytes that are not UTF-8: how many U+FFFD stand for those depends on
  /// bytes that come later, in the reference too.
  std::string answer = "";
  std::optional<TokenLogprob> logprob = std::nullopt;  ///< if the request asks for it
  std::vector<TokenLogprob> prompt_logprobs = {};      ///< with the first event, from the prompt's second token on
  std::optional<Error> error = std::nullopt;
};

struct EngineOptions {
  size_t max_running = 32;  ///< sequences that advance together
  /// Prompt tokens a step, so that running answers do not wait for long; at least one chunk goes in.
  int64_t max_prefill = 512;
  int64_t prefill_chunk = 512;  ///< longer prompts go in by parts of this size, over several steps if need be
  int64_t context_limit = 0;    ///< positions a sequence may have; 0: no limit
};

class Engine {
 public:
  /// Both must outlive the engine.
  Engine(model::Decoder& decoder, const text::Tokenizer& tokenizer, EngineOptions options = {});
  ~Engine();

  /// Queues a request and returns its number. Throws Error(kInput) for an empty prompt, an id outside the
  /// vocabulary, a prompt that fills the context, options out of range, an adapter of another model.
  uint64_t add(Request request);
  /// Takes waiting requests in while there is room, feeds prompts (each its next chunk in turn, up to max_prefill),
  /// then advances every request whose prompt is in by a token. One event for each of these, in the order in which they
  /// were added. What fails for one request alone is its event; after a throw the engine is to be dropped.
  std::vector<Event> step();
  /// Forgets a request, waiting or running, and frees what it held; there will be no event for it. False if there is
  /// none.
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
