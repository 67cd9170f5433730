#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>

#include "base/failures.h"
#include "base/strings.h"
#include "store/connection.h"
#include "store/database.h"
#include "store/sql_text.h"

namespace hone::store {
namespace fs = std::filesystem;
namespace {

// Checkpoints move the log into the file every 1,000 pages (SQLite's default); a log that a long reader let grow is cut
// back to this afterwards.
constexpr int64_t kLogBytes = int64_t{64} << 20;

using Statement = std::unique_ptr<sqlite3_stmt, Releases<sqlite3_finalize>>;
using Handle = std::unique_ptr<sqlite3, Releases<sqlite3_close_v2>>;

/// Leaves a statement ready for the next, whatever happens.
struct Rewind {
  sqlite3_stmt* statement;
  ~Rewind() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

[[noreturn]] void fail_sqlite(sqlite3* handle, const std::string& path, std::string_view sql) {
  const int code = sqlite3_extended_errcode(handle);
  const std::string text = sqlite3_errmsg(handle);
  const char* move = "name another file, or move this one away and a new one is made";
  switch (code & 0xff) {
    case SQLITE_NOTADB: fail_input(path, "is not an SQLite database, or its beginning is damaged", move);
    case SQLITE_CORRUPT:
      fail_work(path, "the database is damaged or cut short (" + text + ")",
                "restore it from a copy, or save what can be read with `sqlite3 " + path + " .recover`");
    case SQLITE_FULL:
      throw DiskFull(path, "the disk is full, or the limit of the database is reached; nothing was changed",
                     "free space on that disk and try again");
    case SQLITE_IOERR: {
      const int reason = sqlite3_system_errno(handle);  // not always known
      const std::string what = "cannot be read or written: " + (reason == 0 ? text : std::strerror(reason));
      const char* remedy = "check the disk and its quota; what was committed before is kept";
      if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) throw DiskFull(path, what, remedy);
      fail_work(path, what, remedy);
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      fail_work(path, format("another process has kept it locked for %d s", static_cast<int>(kPatience.count())),
                "look which other program has the file open");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      fail_input(path, "cannot be opened for writing (" + text + ")",
                 "check that the file and its folder exist and may be written to");
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH: throw ConstraintError(ErrorKind::kInput, path, text + ", in " + excerpt(sql, 200));
    default: fail_work(path, text + ", in " + excerpt(sql, 200));
  }
}

class SqliteConnection : public Connection {
 public:
  SqliteConnection(std::string path, Role role);
  Result run(std::string_view sql, const std::vector<Value>& values) override;
  // At once a writer: one that reads first and writes later could find the database changed in between.
  void begin() override { run("BEGIN IMMEDIATE", {}); }
  void commit() override { run("COMMIT", {}); }
  void rollback() noexcept override;
  bool alive() override { return true; }

 private:
  void open_file(Role role);
  void use_log();
  Statement prepare(std::string_view sql);
  sqlite3_stmt* cached(std::string_view sql);
  void bind(sqlite3_stmt* statement, const std::vector<Value>& values, std::string_view sql);

  const std::string path_;
  Handle handle_;
  std::map<std::string, Statement, std::less<>> statements_;
};

SqliteConnection::SqliteConnection(std::string path, Role role) : path_(std::move(path)) {
  open_file(role);
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(std::chrono::milliseconds(kPatience).count()));
  if (role == Role::kWrite) use_log();
  for (const char* setting : {"PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF"})
    run(setting, {});
  run("PRAGMA journal_size_limit = " + std::to_string(kLogBytes), {});
  if (role == Role::kRead) run("PRAGMA query_only = ON", {});
  run("SELECT COUNT(*) AS n FROM sqlite_schema", {});  // finds out that the file is damaged now rather than later
}

void SqliteConnection::open_file(Role role) {
  std::error_code ignored;
  const fs::path folder = fs::path(path_).parent_path();
  if (!fs::is_directory(folder, ignored))
    fail_input(path_, "the folder of the database does not exist", "make it: mkdir -p " + folder.string());
  if (fs::is_directory(path_, ignored))
    fail_input(path_, "is a folder", "name a file in it, e.g. " + path_ + "/hone.db");
  if (role == Role::kWrite) {
    // A new file is for its owner alone. One that exists is not touched: closing it would drop the locks that other
    // connections of this process hold on it.
    const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor >= 0) ::close(descriptor);
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &opened, flags, nullptr);
  handle_.reset(opened);
  if (code != SQLITE_OK) fail_sqlite(opened, path_, "");
  if (sqlite3_db_readonly(opened, "main") == 1)
    fail_input(path_, "may only be read", "give the user that runs hone the right to write to it: chmod u+w");
}

void SqliteConnection::use_log() {
  // Changing the mode of a new file needs it alone for a moment, and SQLite does not wait for that by itself.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const Statement statement = prepare("PRAGMA journal_mode = WAL");
  int code = 0;
  while ((code = sqlite3_step(statement.get())) == SQLITE_BUSY && std::chrono::steady_clock::now() < deadline) {
    sqlite3_reset(statement.get());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (code != SQLITE_ROW) fail_sqlite(handle_.get(), path_, "");
  const std::string mode = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
  if (mode != "wal")
    fail_input(path_, "cannot have a write-ahead log (it stays in mode \"" + mode + "\")",
               "put the database on a local disk, in a folder that may be written to");
}

Statement SqliteConnection::prepare(std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &made, &rest);
  Statement statement(made);
  if (code != SQLITE_OK) fail_sqlite(handle_.get(), path_, sql);
  if (statement == nullptr || !split_statements({rest, sql.data() + sql.size()}).empty())
    fail_work(path_, "one statement was expected, in " + excerpt(sql, 200));
  return statement;
}

sqlite3_stmt* SqliteConnection::cached(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second.get();
  if (statements_.size() >= kKeptStatements) statements_.clear();
  return statements_.emplace(sql, prepare(sql)).first->second.get();
}

void SqliteConnection::bind(sqlite3_stmt* statement, const std::vector<Value>& values, std::string_view sql) {
  for (size_t i = 0; i < values.size(); ++i) {
    const int place = static_cast<int>(i) + 1;
    int code = SQLITE_OK;
    if (const auto* integer = std::get_if<int64_t>(&values[i]))
      code = sqlite3_bind_int64(statement, place, *integer);
    else if (const auto* real = std::get_if<double>(&values[i]))
      code = sqlite3_bind_double(statement, place, *real);
    else if (const auto* text = std::get_if<std::string>(&values[i]))
      code = sqlite3_bind_text64(statement, place, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    if (code != SQLITE_OK) fail_sqlite(handle_.get(), path_, sql);
  }
}

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL: return nullptr;
    case SQLITE_INTEGER: return int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT: return sqlite3_column_double(statement, column);
    default: break;
  }
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column)));
}

Row::Columns column_names(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) names.emplace_back(sqlite3_column_name(statement, i));
  return std::make_shared<const std::vector<std::string>>(std::move(names));
}

Result SqliteConnection::run(std::string_view sql, const std::vector<Value>& values) {
  // A PRAGMA may do its work while it is prepared, so one from the cache would do nothing.
  const std::string word = first_word(sql);
  const Statement once = word == "PRAGMA" ? prepare(sql) : nullptr;
  sqlite3_stmt* statement = once != nullptr ? once.get() : cached(sql);
  const Rewind rewind{statement};
  bind(statement, values, sql);
  Result result;
  Row::Columns columns;
  int code = 0;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    // Only now, since the first step prepares again what a changed table has made stale.
    if (columns == nullptr) columns = column_names(statement);
    std::vector<Value> row;
    row.reserve(columns->size());
    for (size_t i = 0; i < columns->size(); ++i) row.push_back(column_value(statement, static_cast<int>(i)));
    result.rows.emplace_back(columns, std::move(row));
  }
  if (code != SQLITE_DONE) fail_sqlite(handle_.get(), path_, sql);
  if (word == "INSERT" || word == "UPDATE" || word == "DELETE" || word == "WITH")
    result.changed = sqlite3_stmt_readonly(statement) != 0 ? 0 : sqlite3_changes64(handle_.get());
  return result;
}

void SqliteConnection::rollback() noexcept {
  // After a full disk SQLite may have rolled back by itself.
  if (sqlite3_get_autocommit(handle_.get()) == 0) sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace

std::unique_ptr<Connection> connect_sqlite(const std::string& path, Role role) {
  return std::make_unique<SqliteConnection>(path, role);
}

}  // namespace hone::store
