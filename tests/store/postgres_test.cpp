// What only a server can do: go away, come back, be another than was meant.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "error_of.h"
#include "store/each_database.h"

namespace hone::store {
namespace {

class StorePostgres : public testing::Test {
 protected:
  void SetUp() override {
    if (shared_server() == nullptr) GTEST_SKIP() << "the package postgresql is not installed";
    where_ = shared_server()->new_database();
    database_ = Database::open(where_);
    database_->execute("CREATE TABLE v (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)");
    database_->execute("INSERT INTO v (id, n) VALUES (1, 0)");
  }
  int64_t n() { return number(*database_, "SELECT n FROM v WHERE id = 1"); }
  /// Ends every other connection to this database, as an administrator or a cut cable would.
  void cut_connections() {
    Database::open(where_)->query(
        "SELECT COUNT(pg_terminate_backend(pid, 10000)) AS n FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }
  std::string where_;
  std::unique_ptr<Database> database_;
};

TEST_F(StorePostgres, ALostConnectionIsOpenedAgain) {
  for (int round = 0; round < 3; ++round) {
    cut_connections();
    EXPECT_EQ(n(), round);
    cut_connections();
    EXPECT_EQ(database_->execute("UPDATE v SET n = n + 1"), 1);
  }
  shared_server()->stop(SIGQUIT);
  shared_server()->start();
  EXPECT_EQ(n(), 3);
}

TEST_F(StorePostgres, ATransactionThatWasCutRunsAgainFromItsBeginning) {
  int runs = 0;
  database_->transaction([&] {
    database_->execute("UPDATE v SET n = n + 1");
    if (++runs == 1) cut_connections();
    database_->execute("INSERT INTO v (id, n) VALUES (2, 0)");
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(n(), 1);
  database_->transaction([&] {
    database_->execute("UPDATE v SET n = n + 1 WHERE id = 1");
    if (++runs == 3) cut_connections();
    EXPECT_EQ(n(), 2);  // what reads is part of the transaction as well
  });
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(n(), 2);
}

TEST_F(StorePostgres, WhatTheServerAsksForRunsAgain) {
  database_->execute("INSERT INTO v (id, n) VALUES (2, 0)");
  const auto other = Database::open(where_);
  for (const bool caught : {false, true}) {
    int runs = 0;
    database_->execute("UPDATE v SET n = 0");
    // Each reads what the other writes: as if one had run after the other is only possible when one runs again.
    database_->transaction([&] {
      ++runs;
      const int64_t y = number(*database_, "SELECT n FROM v WHERE id = 2");
      if (runs == 1) {
        other->transaction([&] {
          const int64_t x = number(*other, "SELECT n FROM v WHERE id = 1");
          other->execute("UPDATE v SET n = ? WHERE id = 2", {x + 1});
        });
      }
      try {
        database_->execute("UPDATE v SET n = ? WHERE id = 1", {y + 1});
      } catch (const Error&) {
        if (!caught) throw;
        throw std::runtime_error("what a caller makes of it is forgotten");
      }
    });
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(number(*database_, "SELECT n FROM v WHERE id = 2"), 1);
    EXPECT_EQ(number(*database_, "SELECT n FROM v WHERE id = 1"), 2);
  }
}

TEST_F(StorePostgres, ACommitThatWasCutIsAnError) {
  const Error error = error_of([&] {
    database_->transaction([&] {
      database_->execute("UPDATE v SET n = n + 1");
      cut_connections();
    });
  });
  EXPECT_EQ(error.kind(), ErrorKind::kFailure);
  EXPECT_TRUE(contains(error.message(), "whether the transaction was committed is not known")) << error.what();
  EXPECT_EQ(database_->execute("UPDATE v SET n = n + 1"), 1);
}

TEST_F(StorePostgres, AChangeThatWasCutIsAnError) {
  std::thread cuts([this] {
    while (number(*database_, "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE v SET n = 7%'") == 0) {
    }
    Database::open(where_)->query(
        "SELECT COUNT(pg_terminate_backend(pid, 10000)) AS n FROM pg_stat_activity WHERE query LIKE "
        "'UPDATE v SET n = 7%'");
  });
  const Error error = error_of([&] { database_->execute("UPDATE v SET n = 7 FROM (SELECT pg_sleep(60)) AS wait"); });
  cuts.join();
  EXPECT_TRUE(contains(error.message(), "whether the change was made is not known")) << error.what();
  EXPECT_EQ(n(), 0);
}

TEST_F(StorePostgres, AServerThatCrashesWhileThreadsWriteKeepsWholeTransactions) {
  std::atomic<bool> stop = false;
  std::atomic<int64_t> done = 0, unknown = 0;
  std::mutex mutex;
  std::string other;  // an Error that says something else
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      while (!stop) {
        try {
          database_->transaction([&] {
            const int64_t next = n() + 1;
            database_->execute("UPDATE v SET n = ? WHERE id = 1", {next});
            database_->execute("INSERT INTO v (id, n) VALUES (?, 0)", {next + 1});
          });
          ++done;
        } catch (const Error& error) {
          ++unknown;
          if (contains(error.message(), "is not known")) continue;
          const std::lock_guard lock(mutex);
          other = error.what();
          stop = true;
        }
      }
    });
  }
  const auto wait_until = [&](int64_t count) {
    while (done < count && !stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  wait_until(20);
  shared_server()->stop(SIGQUIT);
  shared_server()->start();
  wait_until(done + 20);
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(other, "");
  EXPECT_EQ(number(*database_, "SELECT COUNT(*) FROM v"), n() + 1);
  EXPECT_GE(n(), done);
  EXPECT_LE(n(), done + unknown);
}

TEST(StoreOpen, AServerThatDoesNotAnswerIsNamedWithoutItsPassword) {
  const Error error =
      error_of([] { Database::open("postgresql://hone:secret@/db?host=/nonexistent&password=secret&port=5"); });
  EXPECT_EQ(error.kind(), ErrorKind::kFailure);
  EXPECT_TRUE(contains(error.message(), "does not answer")) << error.what();
  EXPECT_TRUE(contains(error.place(), "/nonexistent:5/db")) << error.what();
  EXPECT_FALSE(contains(error.what(), "secret")) << error.what();
  const Error odd = error_of([] { Database::open("postgresql://user:secret@[half/db"); });
  EXPECT_EQ(odd.kind(), ErrorKind::kInput);
  EXPECT_FALSE(contains(odd.what(), "secret")) << odd.what();
}

}  // namespace
}  // namespace hone::store
