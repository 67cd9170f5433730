#include "net/message.h"

namespace hone::net {
namespace {

const std::string* find(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace

const std::string* Request::header(std::string_view lower_case_name) const {
  return find(headers, lower_case_name);
}

const std::string* Request::query_value(std::string_view name) const {
  return find(query, name);
}

}  // namespace hone::net
