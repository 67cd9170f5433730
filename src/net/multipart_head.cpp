// The fields of a part, and the boundary: Content-Disposition and Content-Type with their parameters.
#include <utility>

#include "base/strings.h"
#include "data/utf8.h"
#include "net/fault.h"
#include "net/head.h"
#include "net/multipart.h"
#include "net/url.h"

namespace hone::net {
namespace {

[[noreturn]] void bad(const std::string& why) {
  throw Fault(400, "invalid_multipart", "multipart body: " + why);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// "…" with \" and \\ taken out of their escapes; any other backslash stays, since paths of Windows are sent as they
/// are.
std::string quoted_string(std::string_view& text) {
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escape) ++i;
    value += text[i];
  }
  bad("a quoted string has no end");
}

struct Value {
  std::string first;  // in lower case
  Fields parameters;  // names in lower case
};

/// first; name=token; name="quoted"
Value parse_value(std::string_view text) {
  const size_t end = text.find(';');
  Value value{lower(trim(text.substr(0, end))), {}};
  text = end == std::string_view::npos ? std::string_view() : text.substr(end);
  while (!(text = trim(text)).empty()) {
    if (text.front() != ';') bad("parameters must be separated by \";\"");
    text = trim(text.substr(1));
    if (text.empty()) break;
    const size_t equals = text.find_first_of("=;");
    if (equals == std::string_view::npos || text[equals] == ';') bad("a parameter must be name=value");
    std::string name = lower(trim(text.substr(0, equals)));
    text = trim(text.substr(equals + 1));
    std::string content;
    if (!text.empty() && text.front() == '"') {
      content = quoted_string(text);
    } else {
      const size_t stop = std::min(text.find(';'), text.size());
      content = trim(text.substr(0, stop));
      text.remove_prefix(stop);
    }
    value.parameters.emplace_back(std::move(name), std::move(content));
  }
  return value;
}

const std::string* find(const Fields& fields, std::string_view name) {
  const std::string* found = nullptr;
  for (const auto& [key, value] : fields) {
    if (key != name) continue;
    if (found != nullptr) bad("\"" + key + "\" is given twice");
    found = &value;
  }
  return found;
}

/// utf-8'language'percent-encoded (RFC 8187)
std::string extended_value(const std::string& text) {
  const size_t first = text.find('\'');
  const size_t second = first == std::string::npos ? first : text.find('\'', first + 1);
  if (second == std::string::npos || lower(text.substr(0, first)) != "utf-8") bad("filename* must be UTF-8");
  return percent_decoded(std::string_view(text).substr(second + 1));
}

void require_plain(const std::string& text, const char* what) {
  if (!is_field_value(text) || data::find_invalid_utf8(text) != std::string_view::npos)
    bad(std::string(what) + " must be UTF-8 without control characters");
}

}  // namespace

std::string multipart_boundary(std::string_view content_type) {
  if (lower(trim(content_type.substr(0, content_type.find(';')))) != "multipart/form-data") return "";
  const Value value = parse_value(content_type);
  const std::string* boundary = find(value.parameters, "boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > 70 || !is_field_value(*boundary))
    bad("Content-Type must give a boundary of 1 to 70 characters");
  return *boundary;
}

PartHead parse_part_head(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    if (end == std::string_view::npos || end == 0) bad("a line in the head of a part must end with CR LF");
    try {
      fields.push_back(parse_field(text.substr(0, end)));
    } catch (const Fault& fault) {
      bad(fault.message);
    }
    text.remove_prefix(end + 2);
  }
  const std::string* disposition = find(fields, "content-disposition");
  if (disposition == nullptr) bad("a part has no Content-Disposition");
  const Value value = parse_value(*disposition);
  const std::string* name = find(value.parameters, "name");
  if (value.first != "form-data" || name == nullptr || name->empty())
    bad("Content-Disposition must be form-data with a name");
  if (const std::string* coding = find(fields, "content-transfer-encoding")) {
    const std::string known = lower(*coding);
    if (known != "binary" && known != "8bit" && known != "7bit")
      bad("Content-Transfer-Encoding " + excerpt(*coding, 20) + " is not known; send the bytes as they are");
  }
  PartHead head{.name = *name};
  const std::string* filename = find(value.parameters, "filename");
  const std::string* extended = find(value.parameters, "filename*");
  head.is_file = filename != nullptr || extended != nullptr;
  if (head.is_file) head.filename = extended != nullptr ? extended_value(*extended) : *filename;
  if (const std::string* type = find(fields, "content-type")) head.content_type = *type;
  require_plain(head.name, "the name of a part");
  require_plain(head.filename, "the filename of a part");
  return head;
}

}  // namespace hone::net
