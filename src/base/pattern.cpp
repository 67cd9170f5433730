#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "base/strings.h"

namespace hone {

struct Pattern::Impl {
  pcre2_code* code = nullptr;
  pcre2_match_context* limits = nullptr;
  std::string place;
  ~Impl() {
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
  }
};

Pattern::Pattern(const std::string& expression, const std::string& place) : impl_(std::make_unique<Impl>()) {
  impl_->place = place;
  int fault = 0;
  PCRE2_SIZE where = 0;
  const std::string anchored = "(?:" + expression + ")\\z";
  impl_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(anchored.data()), anchored.size(),
                              PCRE2_ANCHORED | PCRE2_UTF | PCRE2_UCP, &fault, &where, nullptr);
  if (impl_->code == nullptr) {
    unsigned char text[256] = "";
    pcre2_get_error_message(fault, text, sizeof text);
    fail_input(place, format("the regular expression \"%s\" is wrong near character %zu: %s", expression.c_str(),
                             where > 3 ? where - 3 : 0, reinterpret_cast<const char*>(text)));
  }
  impl_->limits = pcre2_match_context_create(nullptr);
  pcre2_set_match_limit(impl_->limits, 1'000'000);
  pcre2_set_depth_limit(impl_->limits, 10'000);
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

bool Pattern::matches_all(std::string_view text) const {
  pcre2_match_data* data = pcre2_match_data_create_from_pattern(impl_->code, nullptr);
  const int result =
      pcre2_match(impl_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data, impl_->limits);
  pcre2_match_data_free(data);
  if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
    fail_input(impl_->place, format("the regular expression needs more than a million steps (PCRE2 error %d)", result),
               "simplify it");
  }
  return result >= 0;
}

}  // namespace hone
