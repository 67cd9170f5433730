// The language of what people read; programs read JSON, whose keys never change.
#pragma once
#include <string>

namespace hone {

enum class Language { kEnglish, kKorean };

/// "en" or "ko"; "" asks the environment (LC_ALL, LC_MESSAGES, LANG: the first that is set), English unless that is
/// Korean. Anything else throws Error naming `place`.
Language language_called(const std::string& name, const std::string& place);

/// One text in both languages.
struct Text {
  std::string english, korean;
  const std::string& in(Language language) const { return language == Language::kKorean ? korean : english; }
};

}  // namespace hone
