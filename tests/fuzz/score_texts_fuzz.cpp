// The reader of predictions and every tokenizer and metric on what it read.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "metrics/metric.h"
#include "metrics/read_texts.h"
#include "metrics/tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone::metrics;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Texts texts;
  try {
    texts = parse_texts(bytes, "input");
  } catch (const hone::Error&) {
    texts.texts = {std::string(bytes)};  // still worth tokenizing, malformed bytes and all
  }
  std::vector<Sample> samples;
  for (size_t i = 0; i + 1 < texts.texts.size() && i < 16; i += 2) {
    samples.push_back({texts.texts[i], {texts.texts[i + 1], std::string(bytes.substr(0, 64))}});
  }
  if (samples.empty()) samples.push_back({std::string(bytes), {std::string(bytes.substr(size / 2))}});
  for (const auto& tokenizer : tokenizers().entries()) {
    MetricOptions options;
    options.rouge_tokenizer = options.bleu_tokenizer = tokenizer.name;
    options.rouge_stemmer = options.lowercase = size % 2 == 0;
    for (const char* name : {"rouge2", "rougeLsum", "bleu", "chrf++", "exact_match_loose"}) {
      try {
        make_metric(name, options, "fuzz")->score(samples);
      } catch (const hone::Error&) {  // every reference without a token
      }
    }
  }
  return 0;
}
