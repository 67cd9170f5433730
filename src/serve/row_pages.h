// Pages of rows that are numbered by `serial`. For sources only.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "serve/records.h"

namespace hone::serve {

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
