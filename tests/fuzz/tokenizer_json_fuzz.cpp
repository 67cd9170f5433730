// Any bytes as a tokenizer.json: refused with an Error, or a tokenizer that encodes, decodes and streams.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

namespace {

void use(const hone::text::Tokenizer& tokenizer, std::string_view text) {
  const hone::text::Encoding encoding = tokenizer.encode_with_offsets(text, {.add_special_tokens = true});
  if (encoding.offsets.size() != encoding.ids.size() || encoding.tokens.size() != encoding.ids.size()) std::abort();
  for (const auto& [begin, end] : encoding.offsets) {
    if (begin > end || end > text.size()) std::abort();
  }
  if (tokenizer.encode(text, {.add_special_tokens = true}) != encoding.ids) std::abort();
  for (const bool skip : {false, true}) {
    tokenizer.decode(encoding.ids, {.skip_special_tokens = skip});
    hone::text::StreamDecoder stream(tokenizer, {.skip_special_tokens = skip});
    for (const int32_t id : encoding.ids) stream.push(id);
    stream.flush();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  try {
    const hone::text::Tokenizer tokenizer = hone::text::Tokenizer::parse(document, "fuzz.json");
    if (tokenizer.id_limit() < 0) std::abort();
    for (int32_t id = -1; id < 300; ++id) {
      const std::string token = tokenizer.id_to_token(id);
      tokenizer.token_to_id(token);
    }
    // Some texts of its own, and the beginning of the file as one: it holds what its patterns look for.
    for (const std::string_view text : {std::string_view("a b  가 abc<s>\n\xE2\x82 'll 12"), document.substr(0, 256)}) {
      try {
        use(tokenizer, text);
      } catch (const hone::Error&) {  // a pattern or a replacement that goes too far
      }
    }
  } catch (const hone::Error&) {
  }
  return 0;
}
