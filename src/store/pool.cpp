#include "store/pool.h"

namespace hone::store {

std::unique_ptr<Connection> Pool::take() {
  std::unique_ptr<Connection> connection;
  {
    std::unique_lock lock(mutex_);
    given_back_.wait(lock, [this] { return taken_ < limit_; });
    ++taken_;
    if (!idle_.empty()) {  // the one used last: its statements are warm
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (connection != nullptr && connection->alive()) return connection;
  try {
    connection.reset();
    return connect_();
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
    if (connection != nullptr) idle_.push_back(std::move(connection));
  }
  given_back_.notify_one();
}

}  // namespace hone::store
