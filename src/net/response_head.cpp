#include "net/response_head.h"

#include <algorithm>
#include <ctime>
#include <random>

#include "base/error.h"
#include "base/strings.h"
#include "net/head.h"

namespace hone::net {
namespace {

std::string date_now() {  // RFC 9110 5.6.7; strftime would take the names of days from the locale
  static const char* const kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char* const kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return format("%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

bool is_ours(const std::string& name) {
  std::string lower = name;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower == "content-length" || lower == "transfer-encoding" || lower == "connection" || lower == "x-request-id";
}

bool is_id_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
         c == ':' || c == '-';
}

}  // namespace

const char* reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

bool has_no_body(int status) {
  return status == 204 || status == 304;
}

std::string response_head(int status, const Fields& fields, const HeadOptions& options) {
  if (status < 200 || status > 599) fail_work("answer", format("%d is no status of an answer", status));
  std::string head = format("HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
  head += "date: " + date_now() + "\r\nx-request-id: " + options.request_id + "\r\n";
  for (const auto& [name, value] : fields) {
    if (!is_token(name) || !is_field_value(value) || is_ours(name))
      fail_work("answer", "the header \"" + excerpt(name, 40) + "\" cannot be sent as it is");
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (options.framing == Framing::kLength)
    head += format("content-length: %lld\r\n", static_cast<long long>(options.length));
  if (options.framing == Framing::kChunked) head += "transfer-encoding: chunked\r\n";
  if (!options.keep_alive) head += "connection: close\r\n";
  return head + "\r\n";
}

std::string request_id(const std::string* given) {
  if (given != nullptr && !given->empty() && given->size() <= 128 &&
      std::all_of(given->begin(), given->end(), is_id_char))
    return *given;
  // A name and not a secret: need only differ.
  thread_local std::mt19937_64 random{(uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  return format("req_%016llx%016llx", static_cast<unsigned long long>(random()),
                static_cast<unsigned long long>(random()));
}

std::string chunk(const std::string& data) {
  return format("%zx\r\n", data.size()) + data + "\r\n";
}

}  // namespace hone::net
