// The server that tests/e2e/test_http*.py talk to: hone_http_sample [NAME=VALUE …]. Prints "port N", then what happens
// ("gone ID", "done ID STATUS ROUTE", "flood BYTES"); stops at the end of standard input or at a line "stop SECONDS".
#include <cstdio>
#include <iostream>
#include <list>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "net/server.h"
#include "net/sse.h"

using namespace hone::net;
using Json = nlohmann::json;

namespace {

std::mutex mutex;
std::list<std::shared_ptr<Stream>> idle;
std::list<Responder> waiting;
std::list<std::thread> threads;

void say(const std::string& line) {
  const std::lock_guard lock(mutex);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void in_thread(std::function<void()> call) {
  const std::lock_guard lock(mutex);
  threads.emplace_back(std::move(call));
}

Response json(const Json& value) {
  return {.body = value.dump()};
}

void show(Request&& request, Responder responder) {
  Json query = Json::array();
  for (const auto& [name, value] : request.query) query.push_back({name, value});
  responder.send(json({{"method", request.method},
                       {"path", request.path},
                       {"route", request.route},
                       {"values", request.path_values},
                       {"query", query},
                       {"id", request.id},
                       {"principal", request.principal},
                       {"remote", request.remote},
                       {"body", request.body}}));
}

void upload(Request&& request, Responder responder) {
  Json parts = Json::array();
  for (const Part& part : request.parts) {
    Json row = {{"name", part.name}, {"filename", part.filename}, {"type", part.content_type},
                {"body", part.body}, {"is_file", part.is_file},   {"bytes", part.bytes},
                {"first", ""},       {"file", part.file.string()}};
    if (part.is_file && part.bytes < 1000) row["first"] = hone::read_file(part.file);
    if (part.is_file) row["size"] = std::filesystem::file_size(part.file);
    parts.push_back(row);
  }
  responder.send(json(parts));
}

void wait_for_ever(Request&& request, Responder responder) {
  responder.on_gone([id = request.id] { say("gone " + id); });
  const std::lock_guard lock(mutex);
  waiting.push_back(responder);
}

void later(Request&& request, Responder responder) {
  const double seconds = std::stod(*request.query_value("seconds"));
  in_thread([responder, seconds]() mutable {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    responder.send(json("late"));
  });
}

void events(Request&& request, Responder responder) {
  const int count = std::stoi(*request.query_value("count"));
  auto stream = responder.stream(200, {});
  in_thread([stream, count, cut = request.query_value("cut") != nullptr] {
    for (int i = 0; i < count; ++i) stream->write(sse_event("event " + std::to_string(i)));
    if (!cut) stream->close();
  });
}

void open_idle(Request&& request, Responder responder) {
  responder.on_gone([id = request.id] { say("gone " + id); });
  auto stream = responder.stream(200, {});
  stream->write(sse_comment("open"));
  const std::lock_guard lock(mutex);
  idle.push_back(stream);
}

void tell_idle(Request&&, Responder responder) {
  int reached = 0;
  {
    const std::lock_guard lock(mutex);
    for (const auto& stream : idle) reached += stream->write(sse_event("hello")) ? 1 : 0;
    for (const auto& stream : idle) stream->close();
    idle.clear();
  }
  responder.send(json(reached));
}

void flood(Request&& request, Responder responder) {
  responder.on_gone([id = request.id] { say("gone " + id); });
  auto stream = responder.stream(200, {});
  in_thread([stream] {
    int64_t bytes = 0;
    for (const std::string piece(16 << 10, 'x'); stream->write(piece); bytes += 16 << 10)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    say("flood " + std::to_string(bytes));
  });
}

void fail(Request&& request, Responder responder) {
  const std::string what = *request.query_value("what");
  if (what == "input") hone::fail_input("training_file", "has no rows", "add some");
  if (what == "number") throw 42;  // NOLINT: what no handler should do
  if (what == "other") throw std::runtime_error("a secret of the server");
  if (what == "header") responder.send({.headers = {{"x-name", "a\r\nset-cookie: b"}}, .body = "{}"});
  if (what == "file") responder.send({.file = "/nowhere/at/all"});
  if (what == "twice") {
    responder.send({.body = "1"});
    responder.send({.body = "2"});
    if (responder.stream(200, {})->write("3")) say("wrote after the answer");
  }
}

Server::Options options_of(const std::map<std::string, std::string>& given) {
  Server::Options options;
  const auto number = [&](const char* name, double usual) {
    const auto found = given.find(name);
    return found == given.end() ? usual : std::stod(found->second);
  };
  const auto text = [&](const char* name) { return given.count(name) != 0 ? given.at(name) : std::string(); };
  options.host = text("host").empty() ? "127.0.0.1" : text("host");
  options.port = static_cast<int>(number("port", 0));
  options.spool = text("spool");
  options.tls_certificate = text("certificate");
  options.tls_key = text("key");
  options.io_threads = static_cast<int>(number("io_threads", 2));
  Limits& limits = options.limits;
  limits.header_seconds = number("header_seconds", limits.header_seconds);
  limits.body_grace_seconds = number("body_grace_seconds", limits.body_grace_seconds);
  limits.idle_seconds = number("idle_seconds", limits.idle_seconds);
  limits.write_stall_seconds = number("write_stall_seconds", limits.write_stall_seconds);
  limits.bodies_bytes = static_cast<int64_t>(number("bodies_bytes", static_cast<double>(limits.bodies_bytes)));
  limits.connections = static_cast<int>(number("connections", limits.connections));
  limits.connections_per_address = static_cast<int>(number("connections_per_address", 0));
  limits.requests_per_connection = static_cast<int>(number("requests_per_connection", limits.requests_per_connection));
  options.authorize = [](const std::string&, const std::string&, Request& head) -> std::optional<Response> {
    const std::string* key = head.header("authorization");
    if (key == nullptr || *key != "Bearer good") return Response{.status = 401, .body = R"({"error":"key"})"};
    head.principal = "good";
    return std::nullopt;
  };
  options.error = [](int, const std::string& code, const std::string& message) {
    return json({{"error", {{"code", code}, {"message", message}}}});
  };
  options.done = [](const Request& request, int status, double, int64_t) {
    say("done " + request.id + " " + std::to_string(status) + " " + request.route);
  };
  options.log = [](const std::string& message) { say("log " + message); };
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    given[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  try {
    Server server(options_of(given));
    server.route("GET", "/show/{name}", show);
    server.route("POST", "/show/{name}", show, {.max_body = 1 << 20});
    server.route("GET", "/show/{name}/part/{other}", show);
    server.route("GET", "/show/known", show);
    server.route("GET", "/open", show, {.open = true});
    server.route("POST", "/upload", upload, {.max_body = 300 << 20, .multipart = true});
    server.route("POST", "/upload/small", upload, {.max_body = 1 << 20, .multipart = true, .max_fields = 10'000});
    server.route("GET", "/wait", wait_for_ever);
    server.route("GET", "/later", later);
    server.route("GET", "/events", events);
    server.route("GET", "/idle", open_idle);
    server.route("POST", "/tell", tell_idle);
    server.route("GET", "/flood", flood);
    server.route("GET", "/fail", fail);
    server.route("GET", "/file", [&](Request&&, Responder responder) {
      responder.send({.content_type = "application/octet-stream", .file = given["file"]});
    });
    server.start();
    say("port " + std::to_string(server.port()));
    double seconds = 0;
    for (std::string line; std::getline(std::cin, line);) {
      if (line.rfind("stop ", 0) != 0) continue;
      seconds = std::stod(line.substr(5));
      break;
    }
    server.stop(seconds);
    for (std::thread& thread : threads) thread.join();
    say("stopped");
  } catch (const hone::Error& error) {
    say(error.what());
    return error.exit_code();
  }
  return 0;
}
