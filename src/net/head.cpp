#include "net/head.h"

#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "net/fault.h"

namespace hone::net {
namespace {

[[noreturn]] void bad(const std::string& why) {
  throw Fault(400, "bad_request", why);
}

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view without_blanks(std::string_view text) {  // blanks and tabs alone: other white space is refused
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void parse_request_line(std::string_view line, Head& head) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) bad("the request line must be: METHOD TARGET HTTP/1.1");
  const std::string_view version = line.substr(last + 1);
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (!is_token(head.method) || head.method.size() > 32) bad("the method is not a token");
  if (head.target.empty() || head.target.find_first_of(" \t") != std::string::npos)
    bad("the request target is empty or holds a blank");
  const bool has_form = version.size() == 8 && version.substr(0, 5) == "HTTP/" && version[6] == '.' &&
                        version[5] >= '0' && version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
  if (!has_form) bad("the request line must end with HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    throw Fault(505, "http_version_not_supported", "this server speaks HTTP/1.1");
  head.minor = version.back() - '0';
}

int64_t parse_length(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
    bad("Content-Length must be digits alone");
  int64_t length = 0;
  for (const char c : text) {
    if (length > (std::numeric_limits<int64_t>::max() - 9) / 10)
      throw Fault(413, "request_too_large", "Content-Length is larger than any body can be");
    length = length * 10 + (c - '0');
  }
  return length;
}

/// The only value of a field that may come once.
const std::string* only(const Head& head, std::string_view name) {
  const std::string* found = nullptr;
  for (const auto& [key, value] : head.headers) {
    if (key != name) continue;
    if (found != nullptr) bad("the header \"" + std::string(name) + "\" is given twice");
    found = &value;
  }
  return found;
}

void find_framing(Head& head) {
  const std::string* length = only(head, "content-length");
  const std::string* coding = only(head, "transfer-encoding");
  if (length != nullptr && coding != nullptr) bad("Content-Length and Transfer-Encoding exclude each other");
  if (length != nullptr) head.content_length = parse_length(*length);
  if (coding == nullptr) return;
  if (head.minor == 0) bad("HTTP/1.0 has no Transfer-Encoding");
  if (lower(*coding) != "chunked") bad("the only Transfer-Encoding known here is chunked");
  head.chunked = true;
}

void find_connection(Head& head) {
  head.keep_alive = head.minor == 1;
  for (const auto& [name, value] : head.headers) {
    if (name != "connection") continue;
    for (const std::string& option : split(value, ',')) {
      if (lower(without_blanks(option)) == "close") head.keep_alive = false;
    }
  }
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return is_control(c) && c != '\t'; });
}

const std::string* Head::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return &value;
  }
  return nullptr;
}

size_t HeadScanner::scan(std::string_view input) {
  for (; seen_ < input.size(); ++seen_) {
    const char c = input[seen_];
    if (c == '\r') {
      if (seen_ + 1 == input.size()) break;  // what follows has not come yet
      if (input[seen_ + 1] != '\n') bad("a carriage return must be followed by a line feed");
    } else if (c == '\n') {
      if (seen_ == 0 || input[seen_ - 1] != '\r') bad("a line must end with CR LF");
      if (seen_ == line_ + 1) return seen_ + 1;  // an empty line
      line_ = seen_ + 1;
      ++lines_;
    } else if (is_control(c) && c != '\t') {
      bad("a control character in the head of the request");
    } else if (seen_ == 0 && !is_token_char(c)) {
      bad("this is not HTTP");
    }
    // The method and the version are short: what makes the first line too long is the target.
    if (lines_ == 0 && seen_ > limits_.target_bytes + 64)
      throw Fault(414, "uri_too_long", format("the URL is longer than %zu bytes", limits_.target_bytes));
    if (seen_ >= limits_.bytes || lines_ > limits_.fields + 1)
      throw Fault(431, "headers_too_large",
                  format("the headers are more than %zu, or longer than %zu bytes", limits_.fields, limits_.bytes));
  }
  return 0;
}

std::pair<std::string, std::string> parse_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') bad("a header must not go on in the next line");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    bad("a header must be \"name: value\", with no blank before the colon");
  const std::string_view value = without_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) bad("a control character in a header");
  return {lower(line.substr(0, colon)), std::string(value)};
}

Head parse_head(std::string_view text, const HeadLimits& limits) {
  Head head;
  size_t end = text.find("\r\n");
  parse_request_line(text.substr(0, end), head);
  if (head.target.size() > limits.target_bytes)
    throw Fault(414, "uri_too_long", format("the URL is longer than %zu bytes", limits.target_bytes));
  for (size_t begin = end + 2; (end = text.find("\r\n", begin)) != begin; begin = end + 2) {
    if (end == std::string_view::npos) bad("the head has no end");
    if (head.headers.size() == limits.fields)
      throw Fault(431, "headers_too_large", format("there are more than %zu headers", limits.fields));
    head.headers.push_back(parse_field(text.substr(begin, end - begin)));
  }
  const std::string* host = only(head, "host");
  if (host == nullptr && head.minor == 1) bad("HTTP/1.1 asks for one Host header");
  find_framing(head);
  find_connection(head);
  if (const std::string* expect = only(head, "expect")) {
    if (lower(*expect) != "100-continue")
      throw Fault(417, "expectation_failed", "the only Expect known is 100-continue");
    head.expects_continue = head.has_body() && head.minor == 1;
  }
  return head;
}

}  // namespace hone::net
