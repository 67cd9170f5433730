// Inside of the layer: one connection to a database, used by one thread at a time, and what it throws to be tried
// again.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/value.h"

namespace hone::store {

/// How long a statement or transaction is tried again, or waits for a lock, before that is an Error.
constexpr std::chrono::seconds kPatience{30};
/// How long an open Database waits for a server that has gone away, e.g. to be restarted.
constexpr std::chrono::seconds kReconnectPatience{15};

/// The database undid the statement and its transaction, or never saw them: trying again is safe.
class TryAgain : public Error {
 public:
  TryAgain(const Error& error, std::chrono::seconds for_how_long) : Error(error), patience(for_how_long) {}
  std::chrono::seconds patience;
};

/// The connection broke in the middle of a statement. Whatever transaction was open is undone; what stood alone and
/// changes something may have been done or not.
class ConnectionLost : public Error {
 public:
  explicit ConnectionLost(const Error& error) : Error(error) {}
};

/// More prepared statements than a program has texts of; those of one that makes up texts do not pile up.
constexpr size_t kKeptStatements = 500;

/// Deleter of a handle that a C library gave, for std::unique_ptr.
template <auto release>
struct Releases {
  template <typename Handle>
  void operator()(Handle* handle) const {
    release(handle);
  }
};

struct Result {
  std::vector<Row> rows;
  int64_t changed = 0;  ///< only after INSERT, UPDATE, DELETE
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual Result run(std::string_view sql, const std::vector<Value>& values) = 0;
  /// After begin() the connection sees one state of the database and what it writes itself.
  virtual void begin() = 0;
  /// Throws TryAgain where nothing was committed and Error where it failed or nobody knows.
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
  /// False once the other side is known to be gone. Cheap: asked before each use.
  virtual bool alive() = 0;
};

enum class Role { kWrite, kRead };

/// `path` is absolute, since SQLite gives some others (":memory:", "file:…") a meaning of their own. The file is made
/// if `role` is kWrite. Throws Error.
std::unique_ptr<Connection> connect_sqlite(const std::string& path, Role role);
/// Throws TryAgain where the server does not answer.
std::unique_ptr<Connection> connect_postgres(const std::string& uri);
/// Host and database name without any password; throws Error(kInput) where `uri` cannot be understood.
std::string postgres_place(const std::string& uri);

}  // namespace hone::store
