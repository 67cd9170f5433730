#include "net/url.h"

#include <gtest/gtest.h>

#include "net/fault.h"

namespace hone::net {
namespace {

using Strings = std::vector<std::string>;

int status_of(const std::string& target) {
  try {
    parse_target(target);
  } catch (const Fault& fault) {
    return fault.status;
  }
  return 200;
}

TEST(Url, SegmentsAreDecodedOnce) {
  EXPECT_EQ(parse_target("/").segments, Strings{""});
  EXPECT_EQ(parse_target("/a/b").segments, (Strings{"a", "b"}));
  EXPECT_EQ(parse_target("/a//b/").segments, (Strings{"a", "", "b", ""}));
  EXPECT_EQ(parse_target("/v1/models/ft%3Allama:org::8wJ6").segments, (Strings{"v1", "models", "ft:llama:org::8wJ6"}));
  EXPECT_EQ(parse_target("/a%2541").segments, Strings{"a%41"});
  EXPECT_EQ(parse_target("/%ED%95%9C").segments, Strings{"한"});
  EXPECT_EQ(parse_target("/한").segments, Strings{"한"});
  EXPECT_EQ(parse_target("/a+b").segments, Strings{"a+b"});
}

TEST(Url, ASlashInASegmentIsNoBorder) {
  const Target target = parse_target("/models/org%2fname%2F..%2f");
  EXPECT_EQ(target.segments, (Strings{"models", "org/name/../"}));
  EXPECT_EQ(target.path, "/models/org%2Fname%2F..%2F");
}

TEST(Url, AbsoluteForm) {
  EXPECT_EQ(parse_target("http://host:80/a?b=c").path, "/a");
  EXPECT_EQ(status_of("http:///a"), 400);
  EXPECT_EQ(status_of("http://host"), 400);
  EXPECT_EQ(status_of("ftp://host/a"), 400);
}

TEST(Url, Query) {
  const Target target = parse_target("/a?x=1&metadata%5Bk%5D=a%20b+c&empty=&flag&&x=2=3");
  EXPECT_EQ(target.query, (Fields{{"x", "1"}, {"metadata[k]", "a b c"}, {"empty", ""}, {"flag", ""}, {"x", "2=3"}}));
  EXPECT_TRUE(parse_target("/a?").query.empty());
}

TEST(Url, WhatIsMalformedIsRefused) {
  for (const char* target : {"", "a", "/a%", "/a%4", "/a%4g", "/a%zz", "/a%00b", "/a%0d%0a", "/a%7f", "/a#b", "/a%ff",
                             "/a%c0%af", "/a%ed%a0%80", "/a?b=%", "/a?b=%00", "/a?%ff=1", "?a=b"}) {
    EXPECT_EQ(status_of(target), 400) << target;
  }
}

}  // namespace
}  // namespace hone::net
