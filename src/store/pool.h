// Inside of the layer: connections that threads take and give back; a thread waits while all are taken.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "store/connection.h"

namespace hone::store {

class Pool {
 public:
  using Connect = std::function<std::unique_ptr<Connection>()>;
  /// At most `limit` connections, made by `connect` as they are needed.
  Pool(size_t limit, Connect connect) : limit_(limit), connect_(std::move(connect)) {}

  /// A connection for as long as this lives; it must not outlive the pool. Throws what `connect` throws.
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool), connection_(pool.take()) {}
    ~Lease() { pool_.give_back(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }
    /// Closes the connection instead of giving it to the next; nothing more can be asked of this lease.
    void discard() { connection_.reset(); }

   private:
    Pool& pool_;
    std::unique_ptr<Connection> connection_;
  };

 private:
  std::unique_ptr<Connection> take();
  void give_back(std::unique_ptr<Connection> connection);

  const size_t limit_;
  const Connect connect_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Connection>> idle_;
  size_t taken_ = 0;
};

}  // namespace hone::store
