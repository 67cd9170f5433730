// "korean": eojeol cut into stem and particles by rule, without a dictionary. Numbers, Latin and
// Hangul in one eojeol are parted ("1천만" -> 1 천만), then particles and the copula come off the end
// of each Hangul part ("인구는" -> 인구 는). This is the tokenization under which Korean ROUGE examples
// are usually counted by hand.
//
// A particle comes off only where Korean orthography allows it after that syllable: 은 이 을 과 follow
// a final consonant (batchim), 는 가 를 와 an open syllable. That keeps 사이, 가을, 사과 and 아이 whole.
// Particles that are common last syllables of nouns need a stem of two syllables (천만, 회의, 고도).
#include <array>
#include <vector>

#include "metrics/characters.h"
#include "metrics/tokens.h"
#include "metrics/word_runs.h"

namespace hone::metrics {
namespace {

enum class After {
  kAny,
  kClosed,  ///< a syllable with a final consonant
  kOpen,    ///< a syllable without
  kRo,      ///< open, or closed by ㄹ: 로 and what begins with it (으로 is let follow ㄹ too: a common slip)
};

struct Particle {
  std::u32string_view text;
  After after;
  size_t least_stem;  ///< syllables that must remain
};

constexpr std::array<Particle, 64> kParticles = {{
    // topic, subject, object
    {U"은", After::kClosed, 1},
    {U"는", After::kOpen, 1},
    {U"이", After::kClosed, 2},
    {U"가", After::kOpen, 2},
    {U"을", After::kClosed, 1},
    {U"를", After::kOpen, 1},
    {U"께서", After::kAny, 1},
    // place, direction, means
    {U"의", After::kAny, 2},
    {U"에", After::kAny, 2},
    {U"에서", After::kAny, 1},
    {U"에게", After::kAny, 1},
    {U"에게서", After::kAny, 1},
    {U"한테", After::kAny, 1},
    {U"한테서", After::kAny, 1},
    {U"께", After::kAny, 2},
    {U"로", After::kRo, 2},
    {U"으로", After::kClosed, 1},
    {U"로서", After::kRo, 1},
    {U"으로서", After::kClosed, 1},
    {U"로써", After::kRo, 1},
    {U"으로써", After::kClosed, 1},
    {U"로부터", After::kRo, 1},
    {U"으로부터", After::kClosed, 1},
    {U"까지", After::kAny, 1},
    {U"부터", After::kAny, 1},
    // and, with, like, than
    {U"와", After::kOpen, 2},
    {U"과", After::kClosed, 2},
    {U"랑", After::kOpen, 2},
    {U"이랑", After::kClosed, 1},
    {U"하고", After::kAny, 2},
    {U"처럼", After::kAny, 1},
    {U"보다", After::kAny, 1},
    {U"만큼", After::kAny, 1},
    {U"대로", After::kAny, 2},
    // also, only, even, every
    {U"도", After::kAny, 2},
    {U"만", After::kAny, 2},
    {U"뿐", After::kAny, 2},
    {U"조차", After::kAny, 1},
    {U"마저", After::kAny, 1},
    {U"마다", After::kAny, 2},
    {U"밖에", After::kAny, 1},
    {U"이나", After::kClosed, 1},
    {U"이나마", After::kClosed, 1},
    {U"라도", After::kOpen, 2},
    {U"이라도", After::kClosed, 1},
    {U"이야말로", After::kClosed, 1},
    // the copula, and the formal ending of verbs
    {U"이다", After::kClosed, 1},
    {U"이며", After::kClosed, 1},
    {U"이고", After::kClosed, 1},
    {U"이란", After::kClosed, 1},
    {U"이라는", After::kClosed, 1},
    {U"라는", After::kOpen, 2},
    {U"이라고", After::kClosed, 1},
    {U"라고", After::kOpen, 2},
    {U"이었다", After::kClosed, 1},
    {U"였다", After::kOpen, 1},
    {U"이에요", After::kClosed, 1},
    {U"예요", After::kOpen, 1},
    {U"입니다", After::kAny, 1},
    {U"입니까", After::kAny, 1},
    {U"이었습니다", After::kClosed, 1},
    {U"였습니다", After::kOpen, 1},
    {U"습니다", After::kClosed, 1},
    {U"습니까", After::kClosed, 1},
}};

constexpr size_t kMostParticles = 3;  // 학교에서까지도 has three

bool allows(After after, char32_t syllable) {
  if (!is_hangul_syllable(syllable)) return false;
  const uint32_t final_consonant = (syllable - 0xAC00) % 28;
  constexpr uint32_t kRieul = 8;
  switch (after) {
    case After::kAny: return true;
    case After::kClosed: return final_consonant != 0;
    case After::kOpen: return final_consonant == 0;
    case After::kRo: return final_consonant == 0 || final_consonant == kRieul;
  }
  return false;
}

/// The longest particle that may come off the end of `part`, or nullptr.
const Particle* last_particle(std::u32string_view part) {
  const Particle* best = nullptr;
  for (const Particle& particle : kParticles) {
    const size_t size = particle.text.size();
    if (part.size() < size + particle.least_stem || (best != nullptr && best->text.size() >= size)) continue;
    const size_t stem = part.size() - size;
    if (part.substr(stem) == particle.text && allows(particle.after, part[stem - 1])) best = &particle;
  }
  return best;
}

void add_hangul(std::u32string_view part, Tokens& out) {
  std::vector<std::u32string_view> ends;
  while (ends.size() < kMostParticles) {
    const Particle* particle = last_particle(part);
    if (particle == nullptr) break;
    ends.push_back(particle->text);
    part.remove_suffix(particle->text.size());
  }
  out.add(encode_utf8(part));
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) out.add(encode_utf8(*end));
}

enum class Kind { kHangul, kNumber, kOther };

Kind kind_of(char32_t character) {
  if (is_hangul_syllable(character)) return Kind::kHangul;
  return is_number(character) ? Kind::kNumber : Kind::kOther;
}

void add_eojeol(std::string_view word, Tokens& out) {
  const std::u32string characters = decode_utf8(word);
  for (size_t begin = 0, end = 0; begin < characters.size(); begin = end) {
    const Kind kind = kind_of(characters[begin]);
    for (end = begin + 1; end < characters.size(); ++end) {
      if (kind_of(characters[end]) != kind && !is_mark(characters[end])) break;
    }
    const auto part = std::u32string_view(characters).substr(begin, end - begin);
    if (kind == Kind::kHangul) {
      add_hangul(part, out);
    } else {
      out.add(encode_utf8(part));
    }
  }
}

void tokenize_korean(std::string_view text, Tokens& out) {
  for_each_word(text, [&](std::string_view word) {
    // Words without Hangul stay as they are, so that English text scores as under "default".
    bool hangul = false;
    for (size_t at = 0; at < word.size() && !hangul;) hangul = is_hangul_syllable(next_character(word, at));
    hangul ? add_eojeol(word, out) : out.add(word);
  });
}

}  // namespace

void register_korean_tokenizers(TokenizerRegistry& registry) {
  registry.add(
      {"korean", "eojeol cut into stem, particles and copula by rule, other scripts as default", tokenize_korean});
}

}  // namespace hone::metrics
