// The rule of the rouge-score package (and of ROUGE-1.5.5): lower-case, keep runs of [a-z0-9].
// Every other script is dropped, Hangul included; see docs/metrics.md.
#include "metrics/characters.h"
#include "metrics/tokens.h"

namespace hone::metrics {
namespace {

void tokenize_rouge_score(std::string_view text, Tokens& out) {
  // Lower-casing comes first because it turns some other letters (K, İ) into ASCII ones.
  const std::string lower = to_lower(text);
  const auto kept = [](char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'); };
  for (size_t at = 0; at < lower.size();) {
    const size_t begin = at;
    while (at < lower.size() && kept(lower[at])) ++at;
    if (at > begin) out.add(std::string_view(lower).substr(begin, at - begin));
    ++at;
  }
}

}  // namespace

void register_rouge_score_tokenizers(TokenizerRegistry& registry) {
  registry.add(
      {"rouge_score", "exactly the rouge-score package: [a-z0-9] only, other scripts are lost", tokenize_rouge_score});
}

}  // namespace hone::metrics
