// Who answers a request for completions, and what is written down about it.
#pragma once
#include <memory>

#include "serve/ab/experiments.h"
#include "serve/ab/recorder.h"
#include "serve/ab/remote.h"
#include "serve/fields.h"

namespace hone::serve {

struct Routed {
  ServedModel model;
  std::string endpoint;            ///< of another service that is to answer; "": this one
  net::Fields headers;             ///< of the answer: x-hone-experiment, x-hone-variant
  std::optional<Answered> record;  ///< nothing is written down without one
};

/// Thread-safe.
class Traffic {
 public:
  /// All must outlive it.
  Traffic(Experiments& experiments, Catalog& catalog, Recorder& recorder, Remote& remote)
      : experiments_(experiments), catalog_(catalog), recorder_(recorder), remote_(remote) {}

  /// `body` of /v1/chat/completions or /v1/completions; throws ApiError(404) for an unknown model.
  Routed route(const Json& body, const Caller& caller);
  /// Null where nothing is written down. `id` of the completion, `choices` how many answers it has.
  std::shared_ptr<Trace> trace(const Routed& routed, const std::string& id, size_t choices);
  /// True where another service answers: it has been asked then, at `path` below its address, for completion `id`.
  bool forward(const Routed& routed, const Json& body, const char* path, const std::string& id,
               const net::Responder& responder);

 private:
  Experiments& experiments_;
  Catalog& catalog_;
  Recorder& recorder_;
  Remote& remote_;
};

}  // namespace hone::serve
