#include "store/migration.h"

#include <cassert>
#include <chrono>

#include "base/strings.h"
#include "store/sha256.h"
#include "store/sql_text.h"

namespace hone::store {
namespace {

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, "
    "checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";

void make_table(Database& database) {
  const std::string sql = database.backend() == "sqlite" ? sqlite_definition(kTable) : kTable;
  try {
    database.execute(sql);
  } catch (const Error&) {
    database.execute(sql);  // PostgreSQL says so where another program made the table in the same moment
  }
}

void check_applied(const Database& database, const std::vector<Row>& applied, std::span<const Migration> migrations) {
  const char* newer = "use the program that made it or a newer one, or restore the copy from before";
  for (size_t i = 0; i < applied.size(); ++i) {
    const int64_t version = applied[i].integer("version");
    const std::string name = applied[i].text("name");
    const auto shown = [&name](int64_t number) {
      return "version " + std::to_string(number) + " (" + excerpt(name, 60) + ")";
    };
    if (i >= migrations.size())
      fail_input(database.place(),
                 "the database is of " + shown(applied.back().integer("version")) + ", and this program knows up to " +
                     std::to_string(migrations.size()),
                 newer);
    const Migration& known = migrations[i];
    if (version != known.version)
      fail_input(
          database.place(),
          "the database has " + shown(version) + " where version " + std::to_string(known.version) + " was expected",
          newer);
    if (applied[i].text("checksum") != sha256_of(known.sql))
      fail_input(database.place(), shown(version) + " was applied with other statements than this program has for it",
                 newer);
  }
}

/// Applies the first step that is missing; false when none is.
bool apply_next(Database& database, std::span<const Migration> migrations) {
  const bool sqlite = database.backend() == "sqlite";
  // Programs that start at once go one after the other. The lock comes before the first SELECT, which fixes the state
  // that a serializable transaction sees; SQLite's transactions are alone from their beginning.
  if (!sqlite) database.execute("LOCK TABLE schema_migrations IN EXCLUSIVE MODE");
  const auto applied = database.query("SELECT version, name, checksum FROM schema_migrations ORDER BY version");
  check_applied(database, applied, migrations);
  if (applied.size() == migrations.size()) return false;
  const Migration& next = migrations[applied.size()];
  for (const std::string& statement : split_statements(next.sql))
    database.execute(sqlite ? sqlite_definition(statement) : statement);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  database.execute("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
                   {int64_t{next.version}, std::string(next.name), sha256_of(next.sql),
                    int64_t{std::chrono::duration_cast<std::chrono::seconds>(now).count()}});
  return true;
}

}  // namespace

void migrate(Database& database, std::span<const Migration> migrations) {
  for (size_t i = 0; i < migrations.size(); ++i)
    assert(migrations[i].version == static_cast<int>(i) + 1 && "versions are 1, 2, 3 …");
  make_table(database);
  bool more = true;
  while (more) database.transaction([&] { more = apply_next(database, migrations); });
}

}  // namespace hone::store
