#include "net/url.h"

#include <algorithm>

#include "data/utf8.h"
#include "net/fault.h"

namespace hone::net {
namespace {

[[noreturn]] void malformed(const std::string& why) {
  throw Fault(400, "invalid_url", why);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

/// "http://host/a" -> "/a"; a proxy's form, which RFC 9112 3.2.2 obliges a server to accept.
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.substr(0, scheme.size()) != scheme) continue;
    const size_t path = target.find_first_of("/?", scheme.size());
    if (path == scheme.size()) malformed("the request target names no host");
    if (path == std::string_view::npos || target[path] == '?') malformed("the request target has no path");
    return target.substr(path);
  }
  return target;
}

void add_segments(std::string_view path, Target& target) {
  while (true) {
    const size_t end = path.find('/');
    std::string segment = percent_decoded(path.substr(0, end));
    if (std::any_of(segment.begin(), segment.end(), is_control)) malformed("the path holds a control character");
    target.path += '/';
    for (const char c : segment) {
      if (c == '/')
        target.path += "%2F";
      else
        target.path += c;
    }
    target.segments.push_back(std::move(segment));
    if (end == std::string_view::npos) return;
    path.remove_prefix(end + 1);
  }
}

void add_query(std::string_view query, Fields& fields) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (!pair.empty()) {
      const size_t equals = pair.find('=');
      std::string name = percent_decoded(pair.substr(0, equals), true);
      std::string value =
          equals == std::string_view::npos ? std::string() : percent_decoded(pair.substr(equals + 1), true);
      if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
        malformed("the query holds a NUL character");
      fields.emplace_back(std::move(name), std::move(value));
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
}

}  // namespace

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = text.size() - i > 2 ? hex_value(text[i + 1]) : -1;
      const int low = high < 0 ? -1 : hex_value(text[i + 2]);
      if (low < 0)
        malformed("\"%\" in the URL must be followed by two hexadecimal digits; write %25 for a percent sign");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (data::find_invalid_utf8(out) != std::string_view::npos) malformed("the URL is not UTF-8 once it is decoded");
  return out;
}

Target parse_target(std::string_view text) {
  Target target;
  if (text == "*") {
    target.path = "*";
    return target;
  }
  text = without_authority(text);
  if (text.empty() || text.front() != '/') malformed("the request target must begin with \"/\"");
  if (text.find('#') != std::string_view::npos) malformed("the request target must not hold a fragment (\"#\")");
  const size_t question = text.find('?');
  add_segments(text.substr(1, question == std::string_view::npos ? question : question - 1), target);
  if (question != std::string_view::npos) add_query(text.substr(question + 1), target.query);
  return target;
}

}  // namespace hone::net
