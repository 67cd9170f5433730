#include "net/body_decoder.h"

#include <gtest/gtest.h>

#include "net/fault.h"

namespace hone::net {
namespace {

struct Outcome {
  int status = 0;
  std::string body, rest;
  bool done = false;
};

/// `text` in pieces of `size` bytes.
Outcome decode(const Head& head, const std::string& text, size_t size, int64_t limit = 1000) {
  Outcome outcome;
  try {
    BodyDecoder decoder(head, limit);
    size_t at = 0;
    while (at < text.size() && !decoder.done()) {
      const std::string_view piece = std::string_view(text).substr(at, size);
      at += decoder.decode(piece, outcome.body);
    }
    outcome.rest = text.substr(at);
    outcome.done = decoder.done();
  } catch (const Fault& fault) {
    outcome.status = fault.status;
  }
  return outcome;
}

Outcome chunked(const std::string& text, size_t size = 1, int64_t limit = 1000) {
  return decode({.chunked = true}, text, size, limit);
}

TEST(BodyDecoder, Length) {
  for (size_t size : {1, 3, 100}) {
    const Outcome outcome = decode({.content_length = 5}, "helloGET /", size);
    EXPECT_EQ(outcome.body, "hello");
    EXPECT_EQ(outcome.rest, "GET /");
    EXPECT_TRUE(outcome.done);
  }
  EXPECT_FALSE(decode({.content_length = 5}, "hell", 1).done);
  EXPECT_TRUE(decode({.content_length = 0}, "", 1).done);
  EXPECT_TRUE(decode({}, "", 1).done);
  EXPECT_EQ(decode({.content_length = 1001}, "", 1).status, 413);
}

TEST(BodyDecoder, Chunks) {
  const std::string text =
      "5\r\nhello\r\n00a;name=\"v\"\r\n0123456789\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\nGET /";
  for (size_t size : {1, 2, 3, 7, 100}) {
    const Outcome outcome = chunked(text, size);
    EXPECT_EQ(outcome.status, 0) << size;
    EXPECT_EQ(outcome.body, "hello01234567890123456789");
    EXPECT_EQ(outcome.rest, "GET /");
    EXPECT_TRUE(outcome.done);
  }
  EXPECT_FALSE(chunked("0\r\n").done);
}

TEST(BodyDecoder, BadChunksAreRefused) {
  for (const char* text : {"\r\n",
                           "g\r\n",
                           "-1\r\n",
                           "+1\r\n",
                           "0x1\r\n",
                           " 1\r\n",
                           "1 \r\n",
                           "1\n",
                           "1\r1",
                           "1;a\nb\r\n",
                           "1;a\x01\r\n",
                           "1 ;a\r\n",
                           ";a\r\n",
                           "1111111111111111\r\n",
                           "ffffffffffffffffffff\r\n",
                           "1\r\naX",
                           "1\r\na\n",
                           "1\r\na\rX",
                           "1\r\nab\r\n",
                           "0\r\nbad trailer\r\n",
                           "0\r\nA: b\n",
                           "0\r\n A: b\r\n",
                           "0\r\nA: \x01\r\n"}) {
    for (size_t size : {1, 100}) EXPECT_EQ(chunked(text, size).status, 400) << text;
  }
}

TEST(BodyDecoder, LimitsHold) {
  EXPECT_EQ(chunked("3e8\r\n").status, 0);
  EXPECT_EQ(chunked("3e9\r\n").status, 413);
  EXPECT_EQ(chunked("7fffffffffffff\r\n").status, 413);
  EXPECT_EQ(chunked("3e8\r\n" + std::string(1000, 'a') + "\r\n1\r\n").status, 413);
  EXPECT_EQ(chunked("1;" + std::string(9000, 'a')).status, 400);
  std::string extensions, trailers = "0\r\n";
  for (int i = 0; i < 200; ++i) extensions += "1;" + std::string(100, 'a') + "\r\nx\r\n";
  for (int i = 0; i < 200; ++i) trailers += "A: " + std::string(100, 'a') + "\r\n";
  EXPECT_EQ(chunked(extensions).status, 400);
  EXPECT_EQ(chunked(trailers).status, 400);
}

}  // namespace
}  // namespace hone::net
