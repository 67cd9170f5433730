#include "net/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "base/file.h"
#include "error_of.h"
#include "net/server.h"
#include "net/sse.h"
#include "temporary_folder.h"

namespace hone::net {
namespace {

TEST(Retry, IsThatOfOpenaiPython) {
  const auto seconds = [](int status, const Fields& headers = {}, int attempt = 0, double random = 0) {
    return retry_seconds(status, headers, attempt, random, 1'000'000);
  };
  for (int status : {0, 408, 409, 429, 500, 503, 599}) EXPECT_EQ(seconds(status), 0.5) << status;
  for (int status : {200, 301, 400, 401, 404, 422}) EXPECT_EQ(seconds(status), -1) << status;
  EXPECT_EQ(seconds(500, {}, 3), 4);
  EXPECT_EQ(seconds(500, {}, 9), 8);
  EXPECT_EQ(seconds(500, {}, 9, 1), 6);
  EXPECT_EQ(seconds(503, {{"retry-after", "7"}}), 7);
  EXPECT_EQ(seconds(503, {{"retry-after", "7"}, {"retry-after-ms", "250"}}), 0.25);
  EXPECT_EQ(seconds(503, {{"retry-after", "Mon, 12 Jan 1970 13:46:50 GMT"}}), 10);
  EXPECT_EQ(seconds(503, {{"retry-after", "Mon, 12 Jan 1970 13:46:30 GMT"}}), 0.5);  // it has passed
  EXPECT_EQ(seconds(503, {{"retry-after", "121"}}), -1);
  EXPECT_EQ(seconds(503, {{"retry-after", "soon"}}), 0.5);
  EXPECT_EQ(seconds(503, {{"retry-after", "nan"}}), 0.5);
  EXPECT_EQ(seconds(503, {{"x-should-retry", "false"}}), -1);
  EXPECT_EQ(seconds(400, {{"x-should-retry", "true"}}), 0.5);
}

TEST(SseReader, EventsAreFoundHoweverTheyAreCut) {
  const std::string text = ": ping\r\n\r\ndata: one\n\nevent: error\rdata:two\rdata: \r\r\ndata\n\nid: 7\n\ndata: last";
  for (size_t size : {1, 2, 3, 1000}) {
    SseReader reader;
    std::vector<std::string> seen;
    for (size_t at = 0; at < text.size(); at += size) {
      for (const auto& event : reader.feed(std::string_view(text).substr(at, size)))
        seen.push_back(event.name + "|" + event.data);
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"|one", "error|two\n", "|"})) << size;
  }
}

/// A real server; what the client does is seen by its handlers.
class ClientThreads : public testing::Test {
 protected:
  ClientThreads() : server({.spool = folder.path(), .io_threads = 2}) {
    server.route("GET", "/echo", echo);
    server.route("POST", "/echo", echo);
    server.route("GET", "/flaky", [this](Request&& request, Responder responder) {
      const std::string* count = request.header("x-stainless-retry-count");
      const int seen = calls++;
      if (seen < 2) return responder.send({.status = 503, .headers = {{"retry-after-ms", "1"}}});
      responder.send({.body = count == nullptr ? "none" : *count});
    });
    server.route("GET", "/redirect", [](Request&&, Responder responder) {
      responder.send({.status = 302, .headers = {{"location", "http://127.0.0.1:1/elsewhere"}}});
    });
    server.route("GET", "/events", [this](Request&&, Responder responder) {
      responder.on_gone([this] { ++gone; });
      std::shared_ptr<Stream> stream = responder.stream(200, {});
      writers.emplace_back([stream] {
        for (int i = 0; i < 100'000 && stream->write(sse_event(std::to_string(i))); ++i)
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
      });
    });
    server.route("POST", "/upload",
                 [](Request&& request, Responder responder) {
                   std::string seen;
                   for (const Part& part : request.parts)
                     seen += part.name + "|" + part.filename + "|" + (part.is_file ? read_file(part.file) : part.body) +
                             "\n";
                   responder.send({.body = seen});
                 },
                 {.multipart = true});
    server.route("GET", "/file", [this](Request&&, Responder responder) { responder.send({.file = folder / "big"}); });
    server.start();
    root = "http://127.0.0.1:" + std::to_string(server.port());
  }
  ~ClientThreads() override {
    server.stop(0);
    for (std::thread& writer : writers) writer.join();
  }
  static void echo(Request&& request, Responder responder) {
    responder.send({.headers = {{"x-method", request.method}}, .body = request.body + *request.header("x-name")});
  }

  TemporaryFolder folder;
  std::atomic<int> calls{0}, gone{0};
  std::vector<std::thread> writers;
  Server server;
  std::string root;
};

TEST_F(ClientThreads, ManyClientsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Client client;
      for (int k = 0; k < 25; ++k) {
        const std::string mark = std::to_string(i) + "-" + std::to_string(k);
        const ClientAnswer answer = client.send(
            {.method = "POST", .url = root + "/echo", .headers = {{"x-name", mark}}, .body = std::string(1000, 'a')});
        good += answer.status == 200 && answer.body == std::string(1000, 'a') + mark ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST_F(ClientThreads, TriesAgainAndSaysSo) {
  const ClientAnswer answer = Client().send({.url = root + "/flaky"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "2");
  EXPECT_EQ(answer.attempts, 3);
  calls = 0;
  EXPECT_EQ(Client().send({.url = root + "/flaky", .retries = 1}).status, 503);
}

TEST_F(ClientThreads, FollowsNoRedirect) {
  const ClientAnswer answer = Client().send({.url = root + "/redirect"});
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(*answer.header("location"), "http://127.0.0.1:1/elsewhere");
}

TEST_F(ClientThreads, EndsAStreamWhenItHasEnough) {
  SseReader reader;
  std::vector<std::string> seen;
  const ClientAnswer answer = Client().send({.url = root + "/events", .on_data = [&](std::string_view text) {
                                               for (auto& event : reader.feed(text)) seen.push_back(event.data);
                                               return seen.size() < 5;
                                             }});
  EXPECT_EQ(answer.status, 200);
  ASSERT_GE(seen.size(), 5U);
  EXPECT_EQ(seen[4], "4");
  for (int i = 0; i < 500 && gone == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(gone, 1);
}

TEST_F(ClientThreads, UploadsAndDownloads) {
  write_file(folder / "a.jsonl", "{}\n");
  const ClientAnswer answer =
      Client().send({.method = "POST",
                     .url = root + "/upload",
                     .form = {{.name = "purpose", .body = "fine-tune"},
                              {.name = "file", .file = folder / "a.jsonl"},
                              {.name = "file", .file = folder / "a.jsonl", .filename = "한 b.txt"}}});
  EXPECT_EQ(answer.body, "purpose||fine-tune\nfile|a.jsonl|{}\n\nfile|한 b.txt|{}\n\n");
  const std::string content(3'000'000, 'x');
  write_file(folder / "big", content);
  Client().send({.url = root + "/file", .download = folder / "copy"});
  EXPECT_EQ(read_file(folder / "copy"), content);
  Client().send({.url = root + "/nothing", .download = folder / "none"});
  EXPECT_FALSE(std::filesystem::exists(folder / "none"));
  EXPECT_TRUE(
      contains(error_of([&] { Client().send({.url = root + "/file", .max_answer = 1000}); }).message(), "1,000"));
}

TEST_F(ClientThreads, FaultsAreExplained) {
  Client client;
  const auto message = [&](const ClientRequest& request) {
    return std::string(error_of([&] { client.send(request); }).what());
  };
  EXPECT_TRUE(contains(message({.url = "127.0.0.1/a"}), "http://"));
  EXPECT_TRUE(contains(message({.url = "file:///etc/passwd"}), "http://"));
  EXPECT_TRUE(contains(message({.url = root + "/echo", .headers = {{"a", "b\r\nc: d"}}}), "header"));
  EXPECT_TRUE(contains(message({.url = "http://127.0.0.1:1/", .retries = 0}), "gave no answer"));
  EXPECT_TRUE(
      contains(message({.method = "POST", .url = root + "/upload", .form = {{.name = "f", .file = "/no/file"}}}),
               "does not exist"));
}

TEST(ServerThreads, StopsWhileClientsAreBusy) {
  for (int round = 0; round < 5; ++round) {
    Server server({.io_threads = 3});
    server.route("GET", "/now", [](Request&&, Responder responder) { responder.send({.body = "{}"}); });
    server.route("GET", "/stream", [](Request&&, Responder responder) {
      const auto stream = responder.stream(200, {});
      for (int i = 0; i < 50; ++i) stream->write(sse_event("x"));
      stream->close();
    });
    server.start();
    std::atomic<bool> stopping{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        Client client;
        try {
          while (!stopping) {
            client.send({.url = "http://127.0.0.1:" + std::to_string(server.port()) + (i % 2 == 0 ? "/now" : "/stream"),
                         .retries = 0});
          }
        } catch (const Error&) {  // cut, or not let in any more
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server.stop(round % 2 == 0 ? 0 : 0.05);
    stopping = true;
    for (auto& thread : threads) thread.join();
  }
}

TEST(ServerThreads, AnswersMayComeAfterTheServer) {
  std::vector<Responder> kept;
  std::atomic<int> gone{0};
  std::shared_ptr<Stream> stream;
  {
    Server server({});
    server.route("GET", "/", [&](Request&&, Responder responder) {
      responder.on_gone([&] { ++gone; });
      stream = responder.stream(200, {});
      kept.push_back(responder);
    });
    server.start();
    std::thread client([&] {
      try {
        Client().send({.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/", .retries = 0});
      } catch (const Error&) {
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    server.stop(0);
    client.join();
  }
  EXPECT_EQ(gone, 1);
  EXPECT_FALSE(stream->write("late"));
  stream->close();
  kept.front().send({});
}

}  // namespace
}  // namespace hone::net
