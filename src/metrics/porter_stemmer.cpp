#include "metrics/porter_stemmer.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace hone::metrics {
namespace {

bool is_vowel(char letter) {
  return std::string_view("aeiou").find(letter) != std::string_view::npos;
}

/// For each letter whether it is a consonant: not a vowel, and y only where no consonant precedes.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags(word.size());
  for (size_t i = 0; i < word.size(); ++i) {
    flags[i] = word[i] == 'y' ? i == 0 || !flags[i - 1] : !is_vowel(word[i]);
  }
  return flags;
}

/// m in [C](VC)^m[V].
int measure(std::string_view stem) {
  const std::vector<bool> flags = consonants(stem);
  int count = 0;
  for (size_t i = 1; i < flags.size(); ++i) count += !flags[i - 1] && flags[i];
  return count;
}

bool has_vowel(std::string_view stem) {
  const std::vector<bool> flags = consonants(stem);
  return std::find(flags.begin(), flags.end(), false) != flags.end();
}

bool ends_in_double_consonant(std::string_view word) {
  const size_t size = word.size();
  return size >= 2 && word[size - 1] == word[size - 2] && consonants(word).back();
}

/// Consonant, vowel, consonant other than w, x, y at the end; NLTK adds vowel-consonant words of two letters.
bool ends_in_cvc(std::string_view word) {
  const std::vector<bool> flags = consonants(word);
  const size_t size = word.size();
  if (size == 2) return !flags[0] && flags[1];
  return size >= 3 && flags[size - 3] && !flags[size - 2] && flags[size - 1] &&
         std::string_view("wxy").find(word.back()) == std::string_view::npos;
}

bool ends(std::string_view word, std::string_view suffix) {
  return word.ends_with(suffix);
}

std::string with_end(std::string_view word, size_t removed, std::string_view added) {
  return std::string(word.substr(0, word.size() - removed)) + std::string(added);
}

struct Rule {
  std::string_view suffix, replacement;
};

/// The first rule whose suffix fits decides; it acts where the stem's measure exceeds `above`.
std::string apply(std::string_view word, std::span<const Rule> rules, int above) {
  for (const Rule& rule : rules) {
    if (!ends(word, rule.suffix)) continue;
    if (measure(word.substr(0, word.size() - rule.suffix.size())) <= above) break;
    return with_end(word, rule.suffix.size(), rule.replacement);
  }
  return std::string(word);
}

std::string step_1a(std::string_view word) {
  if (ends(word, "ies")) return with_end(word, word.size() == 4 ? 1 : 2, "");
  if (ends(word, "sses")) return with_end(word, 2, "");
  if (ends(word, "s") && !ends(word, "ss")) return with_end(word, 1, "");
  return std::string(word);
}

/// What follows the removal of -ed or -ing.
std::string repair_after_1b(std::string_view stem) {
  if (ends(stem, "at") || ends(stem, "bl") || ends(stem, "iz")) return with_end(stem, 0, "e");
  if (ends_in_double_consonant(stem)) {
    return std::string_view("lsz").find(stem.back()) == std::string_view::npos ? with_end(stem, 1, "")
                                                                               : std::string(stem);
  }
  return with_end(stem, 0, measure(stem) == 1 && ends_in_cvc(stem) ? "e" : "");
}

std::string step_1b(std::string_view word) {
  if (ends(word, "ied")) return with_end(word, word.size() == 4 ? 1 : 2, "");
  if (ends(word, "eed")) return with_end(word, measure(word.substr(0, word.size() - 3)) > 0 ? 1 : 0, "");
  for (const std::string_view suffix : {"ed", "ing"}) {
    if (!ends(word, suffix)) continue;
    const std::string_view stem = word.substr(0, word.size() - suffix.size());
    if (has_vowel(stem)) return repair_after_1b(stem);
  }
  return std::string(word);
}

std::string step_1c(std::string_view word) {
  if (!ends(word, "y")) return std::string(word);
  const std::string_view stem = word.substr(0, word.size() - 1);
  return stem.size() > 1 && consonants(stem).back() ? with_end(word, 1, "i") : std::string(word);
}

std::string step_2(std::string_view word) {
  static constexpr std::array<Rule, 21> kRules = {
      {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
       {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
       {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
       {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
       {"fulli", "ful"}}};
  if (ends(word, "alli") && measure(word.substr(0, word.size() - 4)) > 0) return step_2(with_end(word, 2, ""));
  // The l of -logi counts as part of the stem, so that geo- and theo- are long enough.
  if (ends(word, "logi")) {
    return measure(word.substr(0, word.size() - 3)) > 0 ? with_end(word, 1, "") : std::string(word);
  }
  return apply(word, kRules, 0);
}

std::string step_3(std::string_view word) {
  static constexpr std::array<Rule, 7> kRules = {
      {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}};
  return apply(word, kRules, 0);
}

std::string step_4(std::string_view word) {
  static constexpr std::array<Rule, 18> kRules = {{{"al", ""},
                                                   {"ance", ""},
                                                   {"ence", ""},
                                                   {"er", ""},
                                                   {"ic", ""},
                                                   {"able", ""},
                                                   {"ible", ""},
                                                   {"ant", ""},
                                                   {"ement", ""},
                                                   {"ment", ""},
                                                   {"ent", ""},
                                                   {"ou", ""},
                                                   {"ism", ""},
                                                   {"ate", ""},
                                                   {"iti", ""},
                                                   {"ous", ""},
                                                   {"ive", ""},
                                                   {"ize", ""}}};
  if (ends(word, "ion")) {
    const std::string_view stem = word.substr(0, word.size() - 3);
    return measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't') ? std::string(stem) : std::string(word);
  }
  return apply(word, kRules, 1);
}

std::string step_5(std::string_view word) {
  std::string out(word);
  if (ends(word, "e")) {
    const std::string_view stem = word.substr(0, word.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_in_cvc(stem))) out = stem;
  }
  if (ends(out, "ll") && measure(std::string_view(out).substr(0, out.size() - 1)) > 1) out.pop_back();
  return out;
}

}  // namespace

std::string porter_stem(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kIrregular = {
      {{"sky", "sky"},
       {"skies", "sky"},
       {"dying", "die"},
       {"lying", "lie"},
       {"tying", "tie"},
       {"news", "news"},
       {"innings", "inning"},
       {"inning", "inning"},
       {"outings", "outing"},
       {"outing", "outing"},
       {"cannings", "canning"},
       {"canning", "canning"},
       {"howe", "howe"},
       {"proceed", "proceed"},
       {"exceed", "exceed"},
       {"succeed", "succeed"}}};
  for (const auto& [form, stem] : kIrregular) {
    if (form == word) return std::string(stem);
  }
  if (word.size() <= 2) return std::string(word);
  return step_5(step_4(step_3(step_2(step_1c(step_1b(step_1a(word)))))));
}

}  // namespace hone::metrics
