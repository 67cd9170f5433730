// What the tables of the service have in common: columns that may be NULL, repeated requests, pages of rows that are
// numbered by `serial`. For sources only.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/records.h"

namespace hone::serve {

/// A client that repeats a request has given up by then.
inline constexpr int64_t kSameRequestSeconds = 600;

template <typename Content>
store::Value value_or_null(const std::optional<Content>& content) {
  return content ? store::Value(*content) : store::Value(nullptr);
}

/// The end of a SELECT whose condition ends in AND or WHERE: " serial < ? ORDER BY serial DESC LIMIT ?", or the other
/// way round. Bind the serial number of the last one seen, and limit + 1.
inline std::string page_end(const PageRequest& page) {
  return page.ascending ? " serial > ? ORDER BY serial ASC LIMIT ?" : " serial < ? ORDER BY serial DESC LIMIT ?";
}

template <typename Record, typename Make>
Page<Record> page_of(std::vector<store::Row> rows, int64_t limit, Make make) {
  Page<Record> page;
  page.has_more = static_cast<int64_t>(rows.size()) > limit;
  if (page.has_more) rows.pop_back();  // asked for to know whether there is more
  for (const store::Row& row : rows) page.items.push_back(make(row));
  return page;
}

}  // namespace hone::serve
