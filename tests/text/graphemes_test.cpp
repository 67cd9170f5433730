#include "text/graphemes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hone::text {
namespace {

std::vector<std::string> clusters(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = cluster_end(text, at);
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

using List = std::vector<std::string>;

TEST(Clusters, FollowTheRulesOfTheStandard) {
  EXPECT_EQ(clusters("ab가나"), (List{"a", "b", "가", "나"}));
  EXPECT_EQ(clusters("\r\n\n\r"), (List{"\r\n", "\n", "\r"}));                                          // GB3 to GB5
  EXPECT_EQ(clusters("\u1100\u1161\u11A8\u1100"), (List{"\u1100\u1161\u11A8", "\u1100"}));              // GB6 to GB8
  EXPECT_EQ(clusters("e\u0301\u0323x\u200D"), (List{"e\u0301\u0323", "x\u200D"}));                      // GB9
  EXPECT_EQ(clusters("\u0915\u0903\u0915"), (List{"\u0915\u0903", "\u0915"}));                          // GB9a
  EXPECT_EQ(clusters("\u0600a\u0600"), (List{"\u0600a", "\u0600"}));                                    // GB9b
  EXPECT_EQ(clusters("\u0915\u094D\u200D\u0915\u0915"), (List{"\u0915\u094D\u200D\u0915", "\u0915"}));  // GB9c
  EXPECT_EQ(clusters("👨\u200D👩\u200D👧👧"), (List{"👨\u200D👩\u200D👧", "👧"}));                              // GB11
  EXPECT_EQ(clusters("🇰🇷🇺🇸🇰"), (List{"🇰🇷", "🇺🇸", "🇰"}));                                                // GB12, GB13
}

}  // namespace
}  // namespace hone::text
