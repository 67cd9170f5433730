#include "store/database.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "data/utf8.h"
#include "store/connection.h"
#include "store/pool.h"
#include "store/sql_text.h"

namespace hone::store {
namespace {

using Clock = std::chrono::steady_clock;

// SQLite lets one writer in at a time, so a second connection for writing would only wait. Reading ones never wait for
// it: with one connection for both, every SELECT would stand behind the fsync of whoever writes
// (bench/results/store.md).
constexpr size_t kSqliteReaders = 4;
constexpr size_t kPostgresConnections = 8;

/// The transaction that a thread is in. Frames lie on the stacks of their threads and form a list, since a thread may
/// be in transactions of several databases at once.
struct Frame {
  const void* database;
  Connection& connection;
  Frame* outer;
  std::exception_ptr failure;  ///< the first statement or nested call that failed: no commit after that
};
thread_local Frame* innermost = nullptr;

class Enter {
 public:
  explicit Enter(Frame& frame) { innermost = &frame; }
  ~Enter() { innermost = innermost->outer; }
  Enter(const Enter&) = delete;
  Enter& operator=(const Enter&) = delete;
};

Frame* frame_of(const void* database) {
  Frame* frame = innermost;
  while (frame != nullptr && frame->database != database) frame = frame->outer;
  return frame;
}

/// Runs `attempt` until it throws no TryAgain, or for the patience that one names.
template <typename Attempt>
auto with_patience(const Attempt& attempt) {
  const Clock::time_point begin = Clock::now();
  for (uint64_t round = 0;; ++round) {
    try {
      return attempt();
    } catch (const TryAgain& again) {
      if (Clock::now() - begin > again.patience) throw Error(again);
    }
    // Random, so that two that collided do not collide again: up to 1 ms at first, up to 64 ms later. The address of a
    // stack alone would be the same in two processes of one parent.
    const uint64_t limit = uint64_t{1000} << std::min<uint64_t>(round, 6);
    const uint64_t who = std::hash<std::thread::id>{}(std::this_thread::get_id()) ^ static_cast<uint64_t>(::getpid());
    const uint64_t wait = hash64(std::to_string(round), who) % limit;
    std::this_thread::sleep_for(std::chrono::microseconds(wait));
  }
}

std::string which(size_t index) {
  return "value " + std::to_string(index + 1) + " of the statement";
}

/// What neither, or only one, of the two databases would keep as it is.
void check_values(std::string_view sql, const std::vector<Value>& values) {
  assert(count_placeholders(sql) == values.size() && "a statement needs one value for each ?");
  for (size_t i = 0; i < values.size(); ++i) {
    const auto* text = std::get_if<std::string>(&values[i]);
    if (text == nullptr) continue;
    if (text->find('\0') != std::string::npos)
      fail_input(which(i), "the text holds the character U+0000, which a database cannot keep", "leave it out");
    if (const size_t at = data::find_invalid_utf8(*text); at != std::string::npos)
      fail_input(which(i), format("the text is not valid UTF-8 at byte %zu", at), "convert it to UTF-8");
  }
}

bool is_nan(const Value& value) {
  const auto* real = std::get_if<double>(&value);
  return real != nullptr && std::isnan(*real);
}

/// A transaction begun or ended by hand would slip past transaction() and leave the connection in an odd state.
[[maybe_unused]] bool controls_transactions(std::string_view sql) {
  const std::string word = first_word(sql);
  const std::string_view words[] = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"};
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool is_tried_again(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const TryAgain&) {
    return true;
  } catch (const ConnectionLost&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

struct Database::Impl {
  Impl(std::string name, std::string where, size_t limit, const Pool::Connect& connect)
      : backend(std::move(name)), place(std::move(where)), writers(limit, connect) {}

  Result run(std::string_view sql, const std::vector<Value>& values);
  Result run_alone(std::string_view sql, const std::vector<Value>& values);
  void attempt(const std::function<void()>& work);

  const std::string backend, place;
  // Transactions of one process go one after the other with PostgreSQL too: side by side, those that touch the same
  // rows end in the server's search for deadlocks, which takes a second each time.
  std::mutex turn;
  Pool writers;                 // with PostgreSQL all connections
  std::optional<Pool> readers;  // with SQLite
};

Result Database::Impl::run(std::string_view sql, const std::vector<Value>& values) {
  assert(!controls_transactions(sql) && "use transaction()");
  check_values(sql, values);
  if (std::any_of(values.begin(), values.end(), is_nan)) {
    std::vector<Value> kept = values;
    std::replace_if(kept.begin(), kept.end(), is_nan, Value(nullptr));
    return run(sql, kept);
  }
  Frame* frame = frame_of(this);
  if (frame == nullptr) return with_patience([&] { return run_alone(sql, values); });
  if (frame->failure) std::rethrow_exception(frame->failure);
  try {
    return frame->connection.run(sql, values);
  } catch (...) {
    frame->failure = std::current_exception();
    throw;
  }
}

Result Database::Impl::run_alone(std::string_view sql, const std::vector<Value>& values) {
  const bool reads = only_reads(sql);
  Pool::Lease lease(reads && readers ? *readers : writers);
  try {
    return lease->run(sql, values);
  } catch (const ConnectionLost& lost) {
    lease.discard();
    if (reads) throw TryAgain(lost, kReconnectPatience);
    throw Error(lost.kind(), lost.place(), lost.message() + "; whether the change was made is not known",
                "look at the data before doing it again");
  }
}

void Database::Impl::attempt(const std::function<void()>& work) {
  Pool::Lease lease(writers);
  Frame frame{.database = this, .connection = *lease, .outer = innermost, .failure = nullptr};
  try {
    lease->begin();
    {
      const Enter enter(frame);
      work();
    }
    if (frame.failure) std::rethrow_exception(frame.failure);
    lease->commit();
  } catch (...) {
    std::exception_ptr thrown = std::current_exception();
    // What `work` makes of a serialization failure does not count: it is going to run again.
    if (frame.failure && is_tried_again(frame.failure)) thrown = frame.failure;
    lease->rollback();
    try {
      std::rethrow_exception(thrown);
    } catch (const ConnectionLost& lost) {
      lease.discard();
      throw TryAgain(lost, kReconnectPatience);
    }
  }
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

std::unique_ptr<Database> Database::open(const std::string& where) {
  std::unique_ptr<Impl> impl;
  if (starts_with(where, "postgresql://") || starts_with(where, "postgres://")) {
    impl = std::make_unique<Impl>("postgresql", postgres_place(where), kPostgresConnections,
                                  [where] { return connect_postgres(where); });
  } else {
    if (where.empty() || where == ":memory:" || where.find("://") != std::string::npos)
      fail_input(where.substr(0, where.find("://")), "is no database that hone knows",
                 "give the path of an SQLite file, or postgresql://user@host/name");
    // Readers open later, when the program may have another working folder.
    const std::string path = std::filesystem::absolute(where);
    impl = std::make_unique<Impl>("sqlite", where, 1, [path] { return connect_sqlite(path, Role::kWrite); });
    impl->readers.emplace(kSqliteReaders, [path] { return connect_sqlite(path, Role::kRead); });
  }
  try {
    const Pool::Lease first(impl->writers);  // finds out now whether it can be reached at all
  } catch (const TryAgain& again) {
    throw Error(again);
  }
  return std::unique_ptr<Database>(new Database(std::move(impl)));
}

std::vector<Row> Database::query(std::string_view sql, const std::vector<Value>& values) {
  return impl_->run(sql, values).rows;
}

int64_t Database::execute(std::string_view sql, const std::vector<Value>& values) {
  return impl_->run(sql, values).changed;
}

void Database::transaction(const std::function<void()>& work) {
  if (Frame* outer = frame_of(impl_.get())) {
    if (outer->failure) std::rethrow_exception(outer->failure);
    try {
      return work();
    } catch (...) {
      if (!outer->failure) outer->failure = std::current_exception();
      throw;
    }
  }
  const std::lock_guard turn(impl_->turn);
  with_patience([&] { impl_->attempt(work); });
}

std::string Database::backend() const {
  return impl_->backend;
}

std::string Database::place() const {
  return impl_->place;
}

}  // namespace hone::store
