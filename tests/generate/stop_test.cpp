#include "generate/stop.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace hone::generate {
namespace {

/// The answer when `text` arrives in pieces of `size` bytes.
std::string stream(const std::string& text, const std::vector<std::string>& stops, size_t size) {
  StopMatcher matcher(stops);
  std::string answer;
  for (size_t i = 0; i < text.size() && !matcher.stopped(); i += size) answer += matcher.push(text.substr(i, size));
  return matcher.stopped() ? answer : answer + matcher.flush();
}

TEST(Stop, FindsStringsAcrossPieces) {
  for (size_t size = 1; size < 12; ++size) {
    EXPECT_EQ(stream("하나 둘 셋###넷", {"###"}, size), "하나 둘 셋") << size;
    EXPECT_EQ(stream("ab##c", {"###"}, size), "ab##c") << size;
    EXPECT_EQ(stream("aaab", {"aab"}, size), "a") << size;
    EXPECT_EQ(stream("User: hi\nUser:", {"\nUser:", "\nBot:"}, size), "User: hi") << size;
  }
}

TEST(Stop, HoldsBackOnlyWhatMayBecomeAStop) {
  StopMatcher matcher({"\n\nQ:"});
  EXPECT_EQ(matcher.push("답\n"), "답");
  EXPECT_EQ(matcher.push("계속"), "\n계속");
  EXPECT_EQ(matcher.push("\n\nQ"), "");
  EXPECT_EQ(matcher.flush(), "\n\nQ");
}

TEST(Stop, RefusesAnEmptyString) {
  EXPECT_THROW(StopMatcher({"a", ""}), Error);
}

// With one stop string the answer is the text up to its first occurrence, however the text is cut.
TEST(Stop, EqualsASearchInTheWholeText) {
  RandomStream random(5);
  const auto letters = [&](uint64_t length) {
    std::string text;
    while (text.size() < length) text += "abc"[random.below(3)];
    return text;
  };
  size_t found = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const std::string text = letters(random.below(30)), stop = letters(1 + random.below(5));
    const size_t size = 1 + random.below(6);
    EXPECT_EQ(stream(text, {stop}, size), text.substr(0, text.find(stop))) << text << " " << stop << " " << size;
    found += text.find(stop) != std::string::npos;
  }
  EXPECT_GT(found, 500u);
}

}  // namespace
}  // namespace hone::generate
