#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <map>

#include "base/failures.h"
#include "base/strings.h"
#include "store/connection.h"
#include "store/database.h"
#include "store/sql_text.h"

namespace hone::store {
namespace {

// Object ids of the built-in types (PostgreSQL's pg_type.dat; frozen).
constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kFloat4 = 700, kFloat8 = 701, kNumeric = 1700;

using Handle = std::unique_ptr<PGconn, Releases<PQfinish>>;
using Answer = std::unique_ptr<PGresult, Releases<PQclear>>;
using Options = std::unique_ptr<PQconninfoOption, Releases<PQconninfoFree>>;

std::string one_line(const char* text) {
  return text == nullptr ? "" : join(split(trim(text), '\n'), "; ");
}

/// The value in the server's text form; nothing for NULL.
std::optional<std::string> written(const Value& value) {
  std::array<char, 32> digits;  // enough for the shortest form of any double that reads back the same
  const auto number = [&digits](auto from) {
    return std::string(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), from).ptr);
  };
  if (const auto* integer = std::get_if<int64_t>(&value)) return number(*integer);
  if (const auto* real = std::get_if<double>(&value)) return number(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::nullopt;
}

/// The type is said for each value; NULL has none, and the server takes that of the column beside it.
Oid type_of(const Value& value) {
  constexpr Oid kTypes[] = {0, kInt8, kFloat8, kText};
  return kTypes[value.index()];
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

Value read_value(Oid type, std::string_view text) {
  switch (type) {
    case kBool: return int64_t{text == "t"};
    case kInt8:
    case kInt2:
    case kInt4:
    case kNumeric:  // sums of BIGINT, which SQLite gives as integers, come as whole numbers of this type
      if (const auto integer = number_in<int64_t>(text)) return *integer;
      [[fallthrough]];
    case kFloat4:
    case kFloat8:
      if (text == "NaN") return nullptr;  // computed in the server: value.h says what it counts as
      if (const auto real = number_in<double>(text)) return *real;
      break;
    default: break;
  }
  return std::string(text);
}

class PostgresConnection : public Connection {
 public:
  explicit PostgresConnection(const std::string& uri);
  Result run(std::string_view sql, const std::vector<Value>& values) override;
  void begin() override { command("BEGIN"); }
  void commit() override;
  void rollback() noexcept override;
  bool alive() override;

 private:
  const std::string& prepared(std::string_view sql, const std::vector<Value>& values);
  Answer command(const char* sql);
  [[noreturn]] void fail(const PGresult* answer, std::string_view sql);

  const std::string place_;
  Handle handle_;
  std::map<std::string, std::string, std::less<>> statements_;  // types and text -> the name it is prepared under
  uint64_t names_ = 0;
};

PostgresConnection::PostgresConnection(const std::string& uri) : place_(postgres_place(uri)) {
  // What stands before dbname can be set otherwise in the URI, what stands behind it cannot.
  const char* names[] = {"connect_timeout", "fallback_application_name", "dbname", "client_encoding", nullptr};
  const char* values[] = {"10", "hone", uri.c_str(), "UTF8", nullptr};
  handle_.reset(PQconnectdbParams(names, values, 1));
  if (handle_ == nullptr || PQstatus(handle_.get()) != CONNECTION_OK) {
    const Error error(ErrorKind::kFailure, place_, "does not answer: " + one_line(PQerrorMessage(handle_.get())),
                      "check that the server runs, and the host, user and database in the connection string");
    throw TryAgain(error, kReconnectPatience);
  }
  PQsetNoticeProcessor(
      handle_.get(), [](void*, const char*) {}, nullptr);
  command("SET default_transaction_isolation = 'serializable'");
  command("SET standard_conforming_strings = on");
  command(format("SET lock_timeout = '%d s'", static_cast<int>(kPatience.count())).c_str());
}

void PostgresConnection::fail(const PGresult* answer, std::string_view sql) {
  const char* field = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  const std::string state = field == nullptr ? "" : field;
  // The detail of a message may quote the values of a row; they are left out.
  const char* primary = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  const std::string text = one_line(primary != nullptr ? primary : PQerrorMessage(handle_.get()));
  const Error error(ErrorKind::kFailure, place_, text + ", in " + excerpt(sql, 200));
  // Without a state it is libpq that speaks: a failed write leaves its status at OK until somebody reads.
  const bool ended = state.empty() || state == "57P01" || state == "57P02" || starts_with(state, "08");
  if (ended || PQstatus(handle_.get()) != CONNECTION_OK)
    throw ConnectionLost(Error(ErrorKind::kFailure, place_, "the connection broke: " + text));
  if (state == "40001" || state == "40P01") throw TryAgain(error, kPatience);
  if (state == "0A000" && !statements_.empty()) {
    // A statement of the cache gives other columns than when it was prepared, since a table has changed.
    statements_.clear();
    command("ROLLBACK");
    command("DEALLOCATE ALL");
    throw TryAgain(error, std::chrono::seconds(1));
  }
  if (starts_with(state, "23") || state == "42804")
    throw ConstraintError(ErrorKind::kInput, place_, text + ", in " + excerpt(sql, 200));
  if (state == "53100")
    throw DiskFull(place_, "the server's disk is full; nothing was changed", "free space on that disk and try again");
  if (state == "25006")
    fail_input(place_, "the server allows no changes (" + text + ")", "connect to the primary server, not to a copy");
  if (state == "55P03")
    fail_work(place_, format("another program has kept a table locked for %d s", static_cast<int>(kPatience.count())),
              "look in pg_stat_activity which one");
  throw error;
}

Answer PostgresConnection::command(const char* sql) {
  Answer answer(PQexec(handle_.get(), sql));
  if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) fail(answer.get(), sql);
  return answer;
}

const std::string& PostgresConnection::prepared(std::string_view sql, const std::vector<Value>& values) {
  std::string key;
  for (const Value& value : values) key += static_cast<char>('0' + value.index());
  key += sql;
  const auto found = statements_.find(key);
  if (found != statements_.end()) return found->second;
  if (statements_.size() >= kKeptStatements) {
    statements_.clear();
    command("DEALLOCATE ALL");
  }
  std::vector<Oid> types;
  for (const Value& value : values) types.push_back(type_of(value));
  const std::string name = "s" + std::to_string(names_++);
  const Answer answer(PQprepare(handle_.get(), name.c_str(), number_placeholders(sql).c_str(),
                                static_cast<int>(types.size()), types.data()));
  if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) fail(answer.get(), sql);
  return statements_.emplace(std::move(key), name).first->second;
}

Result read_answer(PGresult* answer) {
  Result result;
  const std::string status = PQcmdStatus(answer);
  for (const char* change : {"INSERT ", "UPDATE ", "DELETE "}) {
    if (starts_with(status, change)) result.changed = number_in<int64_t>(PQcmdTuples(answer)).value_or(0);
  }
  std::vector<std::string> names;
  for (int i = 0; i < PQnfields(answer); ++i) names.emplace_back(PQfname(answer, i));
  const auto columns = std::make_shared<const std::vector<std::string>>(std::move(names));
  for (int row = 0; row < PQntuples(answer); ++row) {
    std::vector<Value> values;
    values.reserve(columns->size());
    for (int i = 0; i < PQnfields(answer); ++i) {
      const std::string_view text(PQgetvalue(answer, row, i), static_cast<size_t>(PQgetlength(answer, row, i)));
      values.push_back(PQgetisnull(answer, row, i) != 0 ? Value(nullptr) : read_value(PQftype(answer, i), text));
    }
    result.rows.emplace_back(columns, std::move(values));
  }
  return result;
}

Result PostgresConnection::run(std::string_view sql, const std::vector<Value>& values) {
  const std::string& name = prepared(sql, values);
  std::vector<std::optional<std::string>> texts;
  std::vector<const char*> parameters;
  for (const Value& value : values) texts.push_back(written(value));
  for (const auto& text : texts) parameters.push_back(text ? text->c_str() : nullptr);
  const Answer answer(PQexecPrepared(handle_.get(), name.c_str(), static_cast<int>(values.size()), parameters.data(),
                                     nullptr, nullptr, 0));
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(answer.get(), sql);
  return read_answer(answer.get());
}

void PostgresConnection::commit() {
  try {
    const Answer answer = command("COMMIT");
    // The server answers so when a statement of the transaction failed: nothing is kept.
    if (PQcmdStatus(answer.get()) != std::string_view("COMMIT"))
      fail_work(place_, "the transaction was not committed: the server rolled it back");
  } catch (const ConnectionLost& lost) {
    throw Error(lost.kind(), lost.place(), lost.message() + "; whether the transaction was committed is not known",
                "look at the data before doing it again");
  }
}

void PostgresConnection::rollback() noexcept {
  if (PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) const Answer ignored(PQexec(handle_.get(), "ROLLBACK"));
}

bool PostgresConnection::alive() {
  // A server says nothing to a connection at rest but that it ends it.
  pollfd socket = {.fd = PQsocket(handle_.get()), .events = POLLIN, .revents = 0};
  return PQtransactionStatus(handle_.get()) == PQTRANS_IDLE && ::poll(&socket, 1, 0) == 0;
}

}  // namespace

std::unique_ptr<Connection> connect_postgres(const std::string& uri) {
  try {
    return std::make_unique<PostgresConnection>(uri);
  } catch (const ConnectionLost& lost) {
    throw TryAgain(lost, kReconnectPatience);  // nothing was asked of it yet
  }
}

std::string postgres_place(const std::string& uri) {
  char* fault = nullptr;
  const Options options(PQconninfoParse(uri.c_str(), &fault));
  const std::unique_ptr<char, Releases<PQfreemem>> message(fault);
  if (options == nullptr)
    fail_input("postgresql://", "the connection string cannot be understood",
               "write it as postgresql://user@host:port/name; characters such as @ and / in a password as %40 and %2F");
  std::map<std::string, std::string> given;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  return "postgresql://" + given["host"] + (given["port"].empty() ? "" : ":" + given["port"]) + "/" + given["dbname"];
}

}  // namespace hone::store
