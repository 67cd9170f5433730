// What goes into an SQL statement and what comes out of it, whichever database is behind.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hone::store {

/// NULL, BIGINT, DOUBLE PRECISION, TEXT. Booleans are the integers 0 and 1. A double that is not a number is stored as
/// NULL in either database, since SQLite knows no other way. Text is UTF-8 without the character U+0000.
using Value = std::variant<std::nullptr_t, int64_t, double, std::string>;

/// One row of an answer, read by column name. A column that the statement does not name, or a value read as another
/// type than it has (NULL too: ask null() or the _or_null forms), is a mistake in the program and an assertion.
/// Give computed columns a name in lower case (`COUNT(*) AS n`): without one each database invents its own.
class Row {
 public:
  using Columns = std::shared_ptr<const std::vector<std::string>>;
  /// As many `values` as there are names in `columns`, which all rows of an answer share.
  Row(Columns columns, std::vector<Value> values) : columns_(std::move(columns)), values_(std::move(values)) {}

  bool null(std::string_view column) const;
  int64_t integer(std::string_view column) const;
  /// An integer reads as a real number too.
  double real(std::string_view column) const;
  std::string text(std::string_view column) const;
  std::optional<int64_t> integer_or_null(std::string_view column) const;
  std::optional<double> real_or_null(std::string_view column) const;
  std::optional<std::string> text_or_null(std::string_view column) const;

  const std::vector<std::string>& columns() const { return *columns_; }
  const Value& value(std::string_view column) const;

 private:
  Columns columns_;
  std::vector<Value> values_;
};

}  // namespace hone::store
