#include <gtest/gtest.h>

#include <stdexcept>

#include "error_of.h"
#include "store/each_database.h"

namespace hone::store {
namespace {

class StoreTransaction : public EachDatabase {
 protected:
  void SetUp() override {
    EachDatabase::SetUp();
    if (IsSkipped()) return;
    database_ = open("CREATE TABLE v (id TEXT PRIMARY KEY, n BIGINT NOT NULL)");
  }
  void add(const std::string& id) { database_->execute("INSERT INTO v (id, n) VALUES (?, 0)", {id}); }
  int64_t rows() { return number(*database_, "SELECT COUNT(*) FROM v"); }
  std::unique_ptr<Database> database_;
};
ON_EACH_DATABASE(StoreTransaction);

TEST_P(StoreTransaction, KeepsAllOrNothing) {
  database_->transaction([&] {
    add("a");
    add("b");
    EXPECT_EQ(rows(), 2);  // it sees what it writes
  });
  EXPECT_EQ(rows(), 2);
  EXPECT_THROW(database_->transaction([&] {
    add("c");
    throw std::runtime_error("of the caller");
  }),
               std::runtime_error);
  EXPECT_EQ(rows(), 2);
  add("d");
  EXPECT_EQ(rows(), 3);
}

TEST_P(StoreTransaction, OthersSeeNothingOfItBeforeItsEnd) {
  const auto other = open();
  database_->transaction([&] {
    add("a");
    EXPECT_EQ(number(*other, "SELECT COUNT(*) FROM v"), 0);
  });
  EXPECT_EQ(number(*other, "SELECT COUNT(*) FROM v"), 1);
}

TEST_P(StoreTransaction, AnInnerOneJoinsTheOuter) {
  database_->transaction([&] {
    add("a");
    database_->transaction([&] { add("b"); });
    EXPECT_EQ(rows(), 2);
  });
  EXPECT_EQ(rows(), 2);
  EXPECT_THROW(database_->transaction([&] {
    database_->transaction([&] { add("c"); });
    throw std::runtime_error("after the inner one");
  }),
               std::runtime_error);
  EXPECT_EQ(rows(), 2);
  // An inner one that failed has left half of its work; catching its exception does not make that good.
  EXPECT_THROW(database_->transaction([&] {
    add("d");
    try {
      database_->transaction([&] {
        add("e");
        throw std::runtime_error("inner");
      });
    } catch (const std::runtime_error&) {
    }
  }),
               std::runtime_error);
  EXPECT_EQ(rows(), 2);
}

TEST_P(StoreTransaction, AFailedStatementDecidesEvenWhenItsErrorIsCaught) {
  add("a");
  EXPECT_THROW(database_->transaction([&] {
    add("b");
    EXPECT_THROW(add("a"), ConstraintError);
    EXPECT_THROW(add("c"), ConstraintError);  // the same Error for all that follows
    EXPECT_THROW(database_->transaction([] { FAIL() << "it must not begin"; }), ConstraintError);
  }),
               ConstraintError);
  EXPECT_EQ(rows(), 1);
}

TEST_P(StoreTransaction, TwoDatabasesInOneThreadDoNotMix) {
  const TemporaryFolder folder;
  const auto second = Database::open(folder / "second.db");
  second->execute("CREATE TABLE w (n BIGINT)");
  EXPECT_THROW(database_->transaction([&] {
    add("a");
    second->transaction([&] {
      second->execute("INSERT INTO w (n) VALUES (1)");
      add("b");
    });
    throw std::runtime_error("the outer one only");
  }),
               std::runtime_error);
  EXPECT_EQ(rows(), 0);
  EXPECT_EQ(number(*second, "SELECT COUNT(*) FROM w"), 1);
}

TEST_P(StoreTransaction, TwoProcessesTakeTurns) {
  add("counter");
  database_.reset();
  const auto count = [this] {
    const auto mine = open();
    for (int i = 0; i < 100; ++i) {
      mine->transaction([&] {
        const int64_t n = number(*mine, "SELECT n FROM v WHERE id = 'counter'");
        mine->execute("UPDATE v SET n = ? WHERE id = 'counter'", {n + 1});
      });
    }
    return 0;
  };
  const pid_t first = in_process(count), second = in_process(count);
  EXPECT_EQ(wait_for(first), 0);
  EXPECT_EQ(wait_for(second), 0);
  EXPECT_EQ(number(*open(), "SELECT n FROM v WHERE id = 'counter'"), 200);
}

}  // namespace
}  // namespace hone::store
