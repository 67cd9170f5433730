// Any bytes as what a client sends: head, target, body. Whether they come whole or byte by byte makes no difference,
// and no body is larger than its limit.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/body_decoder.h"
#include "net/fault.h"
#include "net/head.h"
#include "net/url.h"

namespace {

using namespace hone::net;

struct Outcome {
  int status = 0;
  std::string method, target, path, body;
  size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view input, size_t piece) {
  Outcome outcome;
  try {
    const HeadLimits limits{.target_bytes = 200, .bytes = 2000, .fields = 20};
    HeadScanner scanner(limits);
    size_t arrived = 0, size = 0;
    while (size == 0 && arrived < input.size()) {
      arrived = std::min(input.size(), arrived + piece);
      size = scanner.scan(input.substr(0, arrived));
    }
    if (size == 0) return outcome;
    const Head head = parse_head(input.substr(0, size), limits);
    outcome.method = head.method;
    outcome.target = head.target;
    if (head.chunked && head.content_length >= 0) std::abort();
    const Target target = parse_target(head.target);
    outcome.path = target.path;
    BodyDecoder decoder(head, 500);
    size_t at = size;
    while (!decoder.done() && at < input.size()) at += decoder.decode(input.substr(at, piece), outcome.body);
    if (outcome.body.size() > 500) std::abort();
    outcome.used = at;
  } catch (const Fault& fault) {
    outcome.status = fault.status;
    outcome.body.clear();  // how much of it came before the fault depends on the pieces
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  // Limits on what arrives at once may be met at different bytes; the answer must be of one kind.
  const Outcome whole = read(input, input.size() + 1), bytes = read(input, 1);
  if (!(whole == bytes)) std::abort();
  return 0;
}
