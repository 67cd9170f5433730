// Any bytes as a JSON schema, and as a pattern: compiled or refused, in bounded time. A grammar that was compiled
// is walked at random, byte by byte: there is always a way on or an end, and what ends is JSON.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "base/error.h"
#include "generate/constraints/json.h"
#include "generate/constraints/matcher.h"

namespace {

using namespace hone::generate;

void walk(const hone::Json& schema, uint64_t seed) {
  std::shared_ptr<const JsonGrammar> grammar;
  try {
    grammar = compile_json_schema(schema, seed % 2 == 0, "fuzz");
  } catch (const hone::Error&) {
    return;
  }
  Matcher matcher(grammar);
  std::mt19937_64 random(seed);
  std::string text;
  Places places = matcher.begin();
  if (places.empty()) std::abort();
  for (int i = 0; i < 100; ++i) {
    if (Matcher::at_end(places) && !hone::Json::accept(text)) std::abort();
    // A byte from 256 tried in turn from a random one on; the quote, to end strings, first half of the time.
    Places next = random() % 2 == 0 ? matcher.step(places, '"') : Places{};
    char taken = '"';
    const auto first = static_cast<unsigned>(random());
    for (unsigned k = 0; k < 256 && next.empty(); ++k) {
      taken = static_cast<char>(first + k);
      next = matcher.step(places, static_cast<uint8_t>(taken));
    }
    if (next.empty()) {
      if (!Matcher::at_end(places)) std::abort();
      return;
    }
    text += taken;
    places = std::move(next);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const uint64_t seed = size;
  const hone::Json schema = hone::Json::parse(bytes, nullptr, false);
  if (!schema.is_discarded()) walk(schema, seed);
  walk({{"type", "string"}, {"pattern", bytes}}, seed);
  return 0;
}
