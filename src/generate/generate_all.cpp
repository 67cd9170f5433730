#include <exception>
#include <map>

#include "base/error.h"
#include "base/interrupt.h"
#include "generate/engine.h"

namespace hone::generate {

void generate_stream(Engine& engine, const std::function<std::optional<Request>()>& next,
                     const std::function<void(size_t index, Completion&&)>& done, size_t window) {
  struct Open {
    size_t index;
    Completion completion;
  };
  std::map<uint64_t, Open> open;          // by request number
  std::map<size_t, Completion> finished;  // by index, until those before it are done
  size_t added = 0, given = 0;
  bool more = true;
  std::exception_ptr fault;  // of a request: those before it are answered first
  const auto add_next = [&] {
    try {
      std::optional<Request> request = next();
      more = request.has_value();
      if (more) open[engine.add(std::move(*request))].index = added, ++added;
    } catch (const Error&) {
      fault = std::current_exception();
      more = false;
    }
  };
  while (more || !open.empty()) {
    while (more && added - given < window) add_next();
    for (const Event& event : engine.step()) {
      const auto found = open.find(event.id);
      if (found == open.end()) continue;  // a request that somebody else added
      if (event.error) throw Error(*event.error);
      Completion& completion = found->second.completion;
      completion.ids.push_back(event.token);
      if (event.finish == FinishReason::kNone) continue;
      completion.finish = event.finish;
      completion.text = event.answer;
      finished.emplace(found->second.index, std::move(completion));
      open.erase(found);
    }
    for (auto first = finished.begin(); first != finished.end() && first->first == given; ++given) {
      done(given, std::move(first->second));
      first = finished.erase(first);
    }
    if (interrupted()) throw Error(ErrorKind::kInterrupted, "", "stopped on request; answers up to here were written");
  }
  if (fault) std::rethrow_exception(fault);
}

std::vector<Completion> generate_all(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                     const std::vector<Request>& requests, EngineOptions options) {
  Engine engine(decoder, tokenizer, options);
  std::vector<Completion> completions;
  size_t at = 0;
  generate_stream(
      engine, [&] { return at < requests.size() ? std::optional(requests[at++]) : std::nullopt; },
      [&](size_t, Completion&& completion) { completions.push_back(std::move(completion)); }, requests.size() + 1);
  return completions;
}

}  // namespace hone::generate
