// Words in any script: "default", "syllable" and "hangul_bigram". On ASCII text all three equal the
// tokenizer of rouge-score (after lower-casing), so English figures stay comparable.
#include "metrics/characters.h"
#include "metrics/tokens.h"
#include "metrics/word_runs.h"

namespace hone::metrics {
namespace {

bool is_hangul(char32_t character) {
  return is_hangul_syllable(character) || (character >= 0x3131 && character <= 0x318E) ||
         (character >= 0x1100 && character <= 0x11FF);
}

/// Calls hangul(part) for each run of Hangul in `word` and other(part) for what stands between.
template <typename Hangul, typename Other>
void split_hangul(std::string_view word, Hangul hangul, Other other) {
  size_t begin = 0, at = 0;
  bool inside = false;
  while (at <= word.size()) {
    const size_t here = at;
    const bool end = at == word.size();
    const bool now = end ? !inside : is_hangul(next_character(word, at));
    if (now != inside && here > begin) {
      inside ? hangul(word.substr(begin, here - begin)) : other(word.substr(begin, here - begin));
      begin = here;
    }
    if (end) break;
    inside = now;
  }
}

void tokenize_default(std::string_view text, Tokens& out) {
  for_each_word(text, [&](std::string_view word) { out.add(word); });
}

void tokenize_syllables(std::string_view text, Tokens& out) {
  const auto syllables = [&](std::string_view run) {
    for (size_t at = 0; at < run.size();) {
      const size_t begin = at;
      next_character(run, at);
      out.add(run.substr(begin, at - begin));
    }
  };
  for_each_word(text, [&](std::string_view word) {
    split_hangul(word, syllables, [&](std::string_view part) { out.add(part); });
  });
}

void tokenize_bigrams(std::string_view text, Tokens& out) {
  const auto bigrams = [&](std::string_view run) {
    size_t first = 0, second = 0;
    next_character(run, second);
    if (second == run.size()) out.add(run);
    while (second < run.size()) {
      size_t end = second;
      next_character(run, end);
      out.add(run.substr(first, end - first));
      first = second;
      second = end;
    }
  };
  for_each_word(
      text, [&](std::string_view word) { split_hangul(word, bigrams, [&](std::string_view part) { out.add(part); }); });
}

}  // namespace

void register_words_tokenizers(TokenizerRegistry& registry) {
  registry.add({"default", "words in any script; Korean by eojeol; equals rouge_score on ASCII", tokenize_default});
  registry.add({"syllable", "Hangul by syllable, other scripts as default", tokenize_syllables});
  registry.add(
      {"hangul_bigram", "Hangul by overlapping pairs of syllables, other scripts as default", tokenize_bigrams});
}

}  // namespace hone::metrics
