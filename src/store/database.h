// SQL behind one small interface: SQLite in a file, or a PostgreSQL server that several machines share.
//
// Statements are written in what both understand: TEXT, BIGINT, DOUBLE PRECISION, ON CONFLICT, RETURNING, `?` for a
// value. Values are always bound, never pasted into the text; a statement is prepared once and kept, so its text should
// be a constant. Where a `?` stands beside no column, say its type: `CAST(? AS TEXT) IS NULL`.
//
// SQLite runs in WAL mode with synchronous=FULL: what a call has said is done is on the disk. PostgreSQL runs at the
// isolation level SERIALIZABLE. Any number of threads may use one Database at once.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/value.h"

namespace hone::store {

/// A UNIQUE, FOREIGN KEY, NOT NULL or CHECK rule, or the type of a column, refused the statement.
class ConstraintError : public Error {
 public:
  using Error::Error;
};

class Database {
 public:
  /// `where`: the path of an SQLite file, made if missing (its folder must exist), or postgresql://user@host/name.
  /// Throws Error for what is no database, is damaged, may not be written to, or does not answer.
  static std::unique_ptr<Database> open(const std::string& where);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// The rows of a SELECT, or of a change that ends in RETURNING. Outside of a transaction SELECTs do not wait for
  /// writers, and see all that was committed before.
  std::vector<Row> query(std::string_view sql, const std::vector<Value>& values = {});
  /// Runs one statement and returns the number of rows that it inserted, changed or removed.
  int64_t execute(std::string_view sql, const std::vector<Value>& values = {});

  /// All that `work` does through this Database in this thread, or nothing of it, as if no other transaction ran
  /// meanwhile. Transactions of one Database go one after the other, so keep them short. SQLite lets one writer in at a
  /// time (processes wait for each other, up to half a minute); PostgreSQL may ask for another attempt where another
  /// process was in the way, and then `work` runs again from its beginning, so it should change nothing else. An
  /// exception rolls back and goes on to the caller. A statement that failed decides the whole transaction, even if
  /// `work` catches its Error: expect clashes with ON CONFLICT, not with catch. A call within another joins it, and
  /// when the inner one throws, the outer one cannot be committed either. `work` must not wait for another thread
  /// that writes to the same Database.
  void transaction(const std::function<void()>& work);

  /// "sqlite" or "postgresql"
  std::string backend() const;
  /// For messages: the path, or host and name without any password.
  std::string place() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::store
