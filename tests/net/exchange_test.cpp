#include "net/exchange.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/admission.h"
#include "net/responder.h"
#include "net/response_head.h"
#include "net/sse.h"

namespace hone::net {
namespace {

using What = Exchange::Step::What;
using Wake = Exchange::Wake;

TEST(Exchange, OneAnswerAndNoSecond) {
  auto exchange = std::make_shared<Exchange>(100, nullptr);
  {
    Responder responder(exchange), copy = responder;
    EXPECT_EQ(exchange->next().what, What::kWait);
    copy.send({.status = 201, .body = "first"});
    responder.send({.body = "second"});
    EXPECT_FALSE(responder.stream(200, {})->write("third"));
  }
  const auto step = exchange->next();
  EXPECT_EQ(step.what, What::kWhole);
  EXPECT_EQ(step.response.body, "first");
  EXPECT_EQ(exchange->next().what, What::kWait);
}

TEST(Exchange, NoAnswerIsAFault) {
  auto exchange = std::make_shared<Exchange>(100, nullptr);
  { const Responder responder(exchange); }
  const auto step = exchange->next();
  ASSERT_EQ(step.what, What::kFault);
  EXPECT_EQ(step.fault->status, 500);
}

TEST(Exchange, PiecesAreJoinedAndBounded) {
  int looks = 0, cuts = 0;
  auto exchange = std::make_shared<Exchange>(10, [&](Wake what) { ++(what == Wake::kLook ? looks : cuts); });
  Responder responder(exchange);
  const auto stream = responder.stream(200, {{"a", "b"}});
  EXPECT_TRUE(stream->write("0123"));
  EXPECT_TRUE(stream->write("456789"));
  EXPECT_EQ(looks, 1);  // nobody has looked since
  EXPECT_EQ(exchange->next().what, What::kHead);
  EXPECT_EQ(exchange->next().text, "0123456789");
  EXPECT_TRUE(stream->write(std::string(50, 'x')));  // one piece may be larger than the buffer
  EXPECT_FALSE(stream->write("y"));
  EXPECT_EQ(cuts, 1);
  EXPECT_FALSE(stream->write("y"));
  EXPECT_EQ(exchange->next().what, What::kCut);
}

TEST(Exchange, AStreamThatIsDroppedIsNotWhole) {
  for (const bool whole : {true, false}) {
    auto exchange = std::make_shared<Exchange>(10, nullptr);
    {
      const auto stream = Responder(exchange).stream(200, {});
      stream->write("a");
      if (whole) stream->close();
    }
    EXPECT_EQ(exchange->next().what, whole ? What::kHead : What::kCut);
  }
}

TEST(Exchange, GoneIsToldOnce) {
  int told = 0;
  auto exchange = std::make_shared<Exchange>(10, nullptr);
  Responder responder(exchange);
  const auto stream = responder.stream(200, {});
  responder.on_gone([&] { ++told; });
  exchange->finish(false);
  exchange->finish(false);
  EXPECT_EQ(told, 1);
  responder.on_gone([&] { ++told; });
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(stream->write("a"));

  auto answered = std::make_shared<Exchange>(10, nullptr);
  Responder other(answered);
  other.on_gone([&] { told = 100; });
  answered->finish(true);
  other.on_gone([&] { told = 100; });
  EXPECT_EQ(told, 2);
}

TEST(ExchangeThreads, ManyWritersAndOneReader) {
  std::atomic<int> wakes{0};
  auto exchange = std::make_shared<Exchange>(1 << 20, [&](Wake) { ++wakes; });
  auto stream = Responder(exchange).stream(200, {});
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([stream] {
      for (int k = 0; k < 1000; ++k) stream->write("x");
    });
  }
  std::thread closer([&] {
    for (auto& writer : writers) writer.join();
    stream->close();
  });
  size_t bytes = 0;
  for (bool end = false; !end;) {
    const auto step = exchange->next();
    bytes += step.text.size();
    end = step.what == What::kEnd;
  }
  closer.join();
  EXPECT_EQ(bytes, 4000U);
  EXPECT_GE(wakes, 1);
}

TEST(Admission, InAllAndFromOneNetwork) {
  using Verdict = Admission::Verdict;
  Admission admission(3, 2);
  EXPECT_EQ(admission.enter("a"), Verdict::kServe);
  EXPECT_EQ(admission.enter("a"), Verdict::kServe);
  EXPECT_EQ(admission.enter("a"), Verdict::kRefuse);
  EXPECT_EQ(admission.enter("b"), Verdict::kServe);
  EXPECT_EQ(admission.enter("c"), Verdict::kRefuse);
  admission.leave("a", Verdict::kRefuse);
  EXPECT_EQ(admission.enter("c"), Verdict::kRefuse);
  admission.leave("a", Verdict::kServe);
  EXPECT_EQ(admission.enter("c"), Verdict::kServe);
  for (int i = 0; i < 62; ++i) EXPECT_EQ(admission.enter("a"), Verdict::kRefuse);
  EXPECT_EQ(admission.enter("a"), Verdict::kDrop);
}

TEST(ResponseHead, NoFieldStartsALineOfItsOwn) {
  const HeadOptions options{.length = 5, .keep_alive = false, .request_id = "r1"};
  const std::string head = response_head(404, {{"allow", "GET"}}, options);
  EXPECT_EQ(head.substr(0, 24), "HTTP/1.1 404 Not Found\r\n");
  EXPECT_NE(head.find("\r\nallow: GET\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nx-request-id: r1\r\n"), std::string::npos);
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"a", "b\r\nc: d"}, {"a", "b\nc"},           {"a\r\nb", "c"},    {"a b", "c"},
      {"", "c"},          {"Content-Length", "3"}, {"Connection", "x"}};
  for (const auto& field : refused) EXPECT_ANY_THROW(response_head(200, {field}, options)) << field.first;
}

TEST(ResponseHead, IdsOfRequests) {
  const std::string good = "req-1_A.b:c", bad = "a b", quoted = "a\"";
  EXPECT_EQ(request_id(&good), good);
  const std::string full(128, 'a'), longer(129, 'a'), empty;
  EXPECT_EQ(request_id(&full), full);
  for (const std::string* given : {&bad, &quoted, &longer, &empty}) EXPECT_EQ(request_id(given).substr(0, 4), "req_");
  EXPECT_NE(request_id(nullptr), request_id(nullptr));
}

TEST(Sse, LinesAndComments) {
  EXPECT_EQ(sse_event("{}"), "data: {}\n\n");
  EXPECT_EQ(sse_event("a\nb\r\nc\rd", "error"), "event: error\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(sse_event("", "x\ny"), "data: \n\n");
  EXPECT_EQ(sse_comment("a\nb"), ": a b\n\n");
}

}  // namespace
}  // namespace hone::net
