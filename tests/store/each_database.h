// Tests that run on an SQLite file and on a PostgreSQL server alike.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>

#include "store/database.h"
#include "store/migration.h"
#include "store/postgres_server.h"
#include "temporary_folder.h"

namespace hone::store {

/// One server for all tests of the program, stopped at its end; nullptr where the package is missing.
inline PostgresServer* shared_server() {
  static const std::unique_ptr<PostgresServer> server =
      PostgresServer::programs().empty() ? nullptr : std::make_unique<PostgresServer>();
  return server.get();
}

class EachDatabase : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    where_ = folder_ / "hone.db";
    if (!sqlite()) {
      if (shared_server() == nullptr) GTEST_SKIP() << "the package postgresql is not installed";
      where_ = shared_server()->new_database();
    }
  }
  bool sqlite() const { return GetParam() == std::string("sqlite"); }
  std::unique_ptr<Database> open() const { return Database::open(where_); }
  /// With tables made by these statements.
  std::unique_ptr<Database> open(const char* sql) const {
    auto database = open();
    const Migration only[] = {{1, "first", sql}};
    migrate(*database, only);
    return database;
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  std::string where_;
};

// A suite that is derived from EachDatabase, on both.
#define ON_EACH_DATABASE(suite)                                                \
  INSTANTIATE_TEST_SUITE_P(On, suite, testing::Values("sqlite", "postgresql"), \
                           [](const auto& chosen) { return std::string(chosen.param); })

/// Runs `work` in a process of its own, which says by its exit status how it went.
inline pid_t in_process(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    ::_exit(work());
  } catch (const std::exception& error) {
    ::dprintf(STDERR_FILENO, "%s\n", error.what());
    ::_exit(99);
  }
}

inline int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

inline int64_t number(Database& database, const std::string& sql) {
  const auto rows = database.query("SELECT (" + sql + ") AS n");
  return rows.at(0).integer("n");
}

}  // namespace hone::store
