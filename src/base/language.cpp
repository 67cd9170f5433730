#include "base/language.h"

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"

namespace hone {

Language language_called(const std::string& name, const std::string& place) {
  if (name == "en") return Language::kEnglish;
  if (name == "ko") return Language::kKorean;
  if (!name.empty()) fail_input(place, "language \"" + excerpt(name, 40) + "\" is unknown", "known: en, ko");
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') {
      return starts_with(value, "ko") ? Language::kKorean : Language::kEnglish;
    }
  }
  return Language::kEnglish;
}

}  // namespace hone
