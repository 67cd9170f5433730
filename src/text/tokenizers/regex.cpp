// Regular expressions through PCRE2, for every pattern that has no hand-written matcher.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/strings.h"
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

constexpr size_t kLongestPattern = 64 << 10;
constexpr uint32_t kMatchLimit = 20'000'000;  // steps of one match, some tenths of a second
constexpr uint32_t kDepthLimit = 100'000;
constexpr uint32_t kHeapLimitKib = 64 << 10;
constexpr size_t kJitStackLimit = 4 << 20;

class Regex : public Pattern {
 public:
  Regex(const std::string& source, std::string place) : place_(std::move(place)) {
    if (source.size() > kLongestPattern) {
      fail_input(place_, format("the regular expression has %zu bytes, at most %zu are allowed", source.size(),
                                kLongestPattern));
    }
    const std::string pattern = to_pcre2(source);
    int error = 0;
    PCRE2_SIZE where = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr));
    if (!code_) {
      char message[256] = "";
      pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
      fail_input(place_,
                 format("the regular expression is not understood: %s near \"%s\"", message,
                        excerpt(std::string_view(pattern).substr(std::min(where, pattern.size())), 20).c_str()));
    }
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without it matching still works, slower
    context_.reset(pcre2_match_context_create(nullptr));
    if (!context_) throw std::bad_alloc();
    pcre2_set_match_limit(context_.get(), kMatchLimit);
    pcre2_set_depth_limit(context_.get(), kDepthLimit);
    pcre2_set_heap_limit(context_.get(), kHeapLimitKib);
  }

  void find(std::string_view text, std::vector<Match>& out) const override {
    const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create(1, nullptr));
    const std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_copy(context_.get()));
    // A stack of its own for this call: a JIT stack must not be shared between threads.
    const std::unique_ptr<pcre2_jit_stack, FreeStack> stack(pcre2_jit_stack_create(32 << 10, kJitStackLimit, nullptr));
    if (!match || !context || !stack) throw std::bad_alloc();
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    size_t previous = 0, at = 0;
    const auto put = [&](size_t begin, size_t end, bool matched) {
      out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end), matched});
    };
    while (at <= text.size()) {
      const int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                    PCRE2_NO_UTF_CHECK, match.get(), context.get());
      if (count == PCRE2_ERROR_NOMATCH) break;
      if (count < 0) fail_match(count);
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
      const size_t begin = range[0], end = range[1];
      if (begin < previous || end < begin) break;  // only \K in a lookahead can do this
      if (begin > previous) put(previous, begin, false);
      put(begin, end, true);
      previous = end;
      at = end > begin ? end : end + (end < text.size() ? utf8_length(static_cast<unsigned char>(text[end])) : 1);
    }
    if (previous < text.size()) put(previous, text.size(), false);
  }

 private:
  struct FreeCode {
    void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  };
  struct FreeMatch {
    void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  };
  struct FreeContext {
    void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  };
  struct FreeStack {
    void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
  };

  [[noreturn]] void fail_match(int error) const {
    char message[256] = "";
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    fail_work(place_, format("the regular expression gave up on a text: %s", message),
              "the pattern backtracks too much for this text; cut the text into shorter parts");
  }

  std::string place_;
  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_match_context, FreeContext> context_;
};

}  // namespace

std::unique_ptr<Pattern> make_regex(const std::string& source, const std::string& place) {
  return std::make_unique<Regex>(source, place);
}

}  // namespace hone::text
