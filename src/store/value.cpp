#include "store/value.h"

#include <algorithm>
#include <cassert>

namespace hone::store {

const Value& Row::value(std::string_view column) const {
  const auto found = std::find(columns_->begin(), columns_->end(), column);
  assert(found != columns_->end() && "the statement has no column of that name");
  return values_[static_cast<size_t>(found - columns_->begin())];
}

bool Row::null(std::string_view column) const {
  return std::holds_alternative<std::nullptr_t>(value(column));
}

int64_t Row::integer(std::string_view column) const {
  const auto* found = std::get_if<int64_t>(&value(column));
  assert(found != nullptr && "the column holds no integer in this row");
  return *found;
}

double Row::real(std::string_view column) const {
  const Value& found = value(column);
  if (const auto* integer = std::get_if<int64_t>(&found)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&found);
  assert(real != nullptr && "the column holds no number in this row");
  return *real;
}

std::string Row::text(std::string_view column) const {
  const auto* found = std::get_if<std::string>(&value(column));
  assert(found != nullptr && "the column holds no text in this row");
  return *found;
}

std::optional<int64_t> Row::integer_or_null(std::string_view column) const {
  return null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<double> Row::real_or_null(std::string_view column) const {
  return null(column) ? std::nullopt : std::optional(real(column));
}

std::optional<std::string> Row::text_or_null(std::string_view column) const {
  return null(column) ? std::nullopt : std::optional(text(column));
}

}  // namespace hone::store
