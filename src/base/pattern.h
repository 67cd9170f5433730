// Regular expressions that users write (PCRE2 with limits: a hostile pattern cannot hang us).
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace hone {

class Pattern {
 public:
  /// A pattern that does not compile throws Error at `place` with the position of the fault.
  Pattern(const std::string& expression, const std::string& place);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  /// True when the whole of `text` matches.
  bool matches_all(std::string_view text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone
