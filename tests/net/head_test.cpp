#include "net/head.h"

#include <gtest/gtest.h>

#include "net/fault.h"

namespace hone::net {
namespace {

const std::string kStart = "POST /a HTTP/1.1\r\nHost: h\r\n";

/// Status of the fault, or 0; the head arrives byte by byte.
int status_of(const std::string& text, Head* head = nullptr, const HeadLimits& limits = {}) {
  try {
    HeadScanner scanner(limits);
    size_t size = 0;
    for (size_t i = 1; i <= text.size() && size == 0; ++i) size = scanner.scan(std::string_view(text).substr(0, i));
    if (size == 0) return -1;  // not complete
    const Head parsed = parse_head(std::string_view(text).substr(0, size), limits);
    if (head != nullptr) *head = parsed;
  } catch (const Fault& fault) {
    return fault.status;
  }
  return 0;
}

TEST(Head, IsTakenApart) {
  Head head;
  ASSERT_EQ(status_of("PATCH /a%20b?c HTTP/1.1\r\nHost:h\r\nX-Name: \t a, b \t\r\nx-name:\r\n\r\nrest", &head), 0);
  EXPECT_EQ(head.method, "PATCH");
  EXPECT_EQ(head.target, "/a%20b?c");
  EXPECT_EQ(head.headers, (Fields{{"host", "h"}, {"x-name", "a, b"}, {"x-name", ""}}));
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.has_body());
}

TEST(Head, LengthAndConnection) {
  Head head;
  ASSERT_EQ(status_of(kStart + "Content-Length: 007\r\nConnection: x, Close\r\n\r\n", &head), 0);
  EXPECT_EQ(head.content_length, 7);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(status_of(kStart + "Transfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n", &head), 0);
  EXPECT_TRUE(head.chunked && head.expects_continue);
  ASSERT_EQ(status_of("GET / HTTP/1.0\r\n\r\n", &head), 0);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(status_of(kStart + "Content-Length: 9223372036854775799\r\n\r\n", &head), 0);
}

TEST(Head, WhatCouldBeReadInTwoWaysIsRefused) {
  for (const char* fields : {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
                             "Content-Length: 1\r\nContent-Length: 1\r\n",
                             "Content-Length: 1, 1\r\n",
                             "Content-Length: +1\r\n",
                             "Content-Length: -1\r\n",
                             "Content-Length: 0x1\r\n",
                             "Content-Length: 1 1\r\n",
                             "Content-Length:\r\n",
                             "Transfer-Encoding: gzip\r\n",
                             "Transfer-Encoding: chunked, chunked\r\n",
                             "Transfer-Encoding: chunked, gzip\r\n",
                             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: xchunked\r\n",
                             "Transfer-Encoding: \"chunked\"\r\n",
                             "Transfer-Encoding :chunked\r\n",
                             "Content-Length : 1\r\n",
                             " Content-Length: 1\r\n",
                             "A: b\r\n c: d\r\n",
                             "A: b\r\n\tc\r\n",
                             "A\r\n",
                             ": b\r\n",
                             "A b: c\r\n",
                             "A\x01: b\r\n",
                             "A: b\x01\r\n",
                             "A: b\x7f\r\n",
                             "A: b\rc\r\n",
                             "A: b\nc: d\r\n",
                             "A: b\n",
                             "A: b\n\n",
                             "Host: h\r\n",
                             "Ä: b\r\n",
                             "A: \x0b"
                             "chunked\r\n"}) {
    EXPECT_EQ(status_of(kStart + fields + "\r\n"), 400) << fields;
  }
  EXPECT_EQ(status_of(kStart + std::string("A: b\0c\r\n\r\n", 10)), 400);
  EXPECT_EQ(status_of("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /a HTTP/1.1\r\n\r\n"), 400);  // no Host
}

TEST(Head, RequestLine) {
  for (const char* line :
       {"GET /a", "GET  /a HTTP/1.1", "GET /a  HTTP/1.1", " GET /a HTTP/1.1", "GET /a b HTTP/1.1", "GET /a HTTP/1.1 ",
        "GET\t/a\tHTTP/1.1", "GET /a http/1.1", "GET /a HTTP/1,1", "GET /a HTTP/11", "G(T /a HTTP/1.1",
        "GET /a HTTP/1.1\n", "\x16\x03\x01", "GET /a\nHTTP/1.1"}) {
    EXPECT_EQ(status_of(std::string(line) + "\r\nHost: h\r\n\r\n"), 400) << line;
  }
  EXPECT_EQ(status_of("GET /a HTTP/1.2\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\n"), 505);
}

TEST(Head, IsNotWaitedForOnceItIsWrong) {
  EXPECT_EQ(status_of("\x16\x03\x01"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\n"), 400);
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'a')), 414);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nA: " + std::string(70'000, 'a')), 431);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r"), -1);
}

TEST(Head, Limits) {
  const HeadLimits limits{.target_bytes = 10, .bytes = 200, .fields = 3};
  EXPECT_EQ(status_of("GET /234567890 HTTP/1.1\r\nHost: h\r\n\r\n", nullptr, limits), 0);
  EXPECT_EQ(status_of("GET /2345678901 HTTP/1.1\r\nHost: h\r\n\r\n", nullptr, limits), 414);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n", nullptr, limits), 0);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", nullptr, limits), 431);
  EXPECT_EQ(status_of(kStart + "Content-Length: 99999999999999999999\r\n\r\n"), 413);
  EXPECT_EQ(status_of(kStart + "Content-Length: 1\r\nExpect: magic\r\n\r\n"), 417);
}

}  // namespace
}  // namespace hone::net
