// What all connections of one server share.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/router.h"
#include "net/server.h"

namespace hone::net {

struct Route {
  std::string method, pattern;
  Handler handler;
  RouteOptions options;
};

struct Site {
  Server::Options options;
  Router router;
  std::vector<Route> routes;
  std::function<void(std::function<void()>)> post_work;  ///< runs a job on a worker thread
  std::atomic<bool> stopping{false};
  /// Bytes of all bodies that are held in memory.
  std::shared_ptr<std::atomic<int64_t>> bodies = std::make_shared<std::atomic<int64_t>>(0);
  std::shared_ptr<std::atomic<int64_t>> spooled = std::make_shared<std::atomic<int64_t>>(0);  ///< bytes in the spool

  void log(const std::string& message) const;
  /// options.error, or plain text; never throws.
  Response error(int status, const std::string& code, const std::string& message) const;
};

}  // namespace hone::net
