// Filters on text.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/text_tools.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {

std::string escape_html(Runtime& runtime, std::string_view text) {
  std::string out;
  for (const char c : text) {
    constexpr std::string_view kSpecial = "&<>'\"";
    constexpr const char* kEscapes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const size_t known = kSpecial.find(c);
    if (known == std::string_view::npos) {
      out += c;
    } else {
      out += kEscapes[known];
    }
  }
  runtime.spend_bytes(out.size());
  return out;
}

namespace filters {

Value soft_string(Runtime& runtime, const Value& value) {
  return value.is_string() ? value : Value(str(runtime, value));
}

namespace {

Value call_string_method(Runtime& runtime, const char* name, const Value& value, const Arguments& arguments) {
  return find_string_method(name)(runtime, soft_string(runtime, value), arguments);
}

}  // namespace

Value capitalized(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return call_string_method(runtime, "capitalize", value, arguments);
}

Value lowered(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return call_string_method(runtime, "lower", value, arguments);
}

Value uppered(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return call_string_method(runtime, "upper", value, arguments);
}

Value centered(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "center", arguments, {"width"}, 0);
  return call_string_method(runtime, "center", value, {{bound.integer(0, 80)}, {}});
}

Value trimmed(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "trim", arguments, {"chars"}, 0);
  return call_string_method(runtime, "strip", value, {{bound.value(0, None{})}, {}});
}

/// A word begins after white space and after - ( { [ <; the rest of it becomes lower case.
Value titled(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "title", arguments, {}, 0);
  const std::string text = str(runtime, value);
  runtime.spend_bytes(text.size());
  std::string out;
  const auto separates = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    const char32_t first = next_char(text, at);
    if (separates(first)) {
      append_char(out, first);
      continue;
    }
    out += upper(std::string_view(text).substr(begin, at - begin));
    begin = at;
    for (size_t next = at; next < text.size(); at = next) {
      if (separates(next_char(text, next))) break;
    }
    out += lower(std::string_view(text).substr(begin, at - begin));
  }
  return out;
}

Value replaced(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "replace", arguments, {"old", "new", "count"}, 2);
  const Int count = bound.none_or_missing(2) ? -1 : bound.integer(2, -1);
  return replace_text(runtime, str(runtime, value), str(runtime, bound[0]), str(runtime, bound[1]), count);
}

Value to_string(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "string", arguments, {}, 0);
  return soft_string(runtime, value);
}

Value escaped(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "escape", arguments, {}, 0);
  if (value.is_string() && value.as_text().markup) return value;
  return markup(escape_html(runtime, str(runtime, value)));
}

Value force_escaped(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "forceescape", arguments, {}, 0);
  return markup(escape_html(runtime, str(runtime, value)));
}

Value marked_safe(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "safe", arguments, {}, 0);
  return markup(str(runtime, value));
}

Value formatted(Runtime& runtime, const Value& value, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    runtime.fail("format takes positional or keyword arguments, not both");
  }
  const std::string pattern = str(runtime, value);
  if (arguments.named.empty()) return format_percent(runtime, pattern, make_tuple(runtime, arguments.positional));
  const auto dict = std::make_shared<Dict>();
  for (const auto& [name, item] : arguments.named) dict->set(runtime, Value(name), item);
  return format_percent(runtime, pattern, make_dict(runtime, dict));
}

Value indented(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "indent", arguments, {"width", "first", "blank"}, 0);
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  if (!value.is_string()) runtime.fail(format("indent needs a string, not '%s'", value.type_name()));
  std::string indention;
  if (bound.has(0) && bound[0].is_string()) {
    indention = bound.string(0);
  } else {
    indention = fill_text(runtime, "", bound.integer(0, 4), " ", Alignment::kLeft);
  }
  const std::string text = value.as_string() + "\n";
  runtime.spend_bytes(text.size());
  std::string out;
  if (bound.flag(1, false)) runtime.append(out, indention);
  bool first = true;
  for (const std::string_view line : split_lines(text, false)) {
    if (!first) {
      runtime.append(out, "\n");
      if (bound.flag(2, false) || !line.empty()) runtime.append(out, indention);
    }
    first = false;
    runtime.append(out, line);
  }
  return Text{std::make_shared<const std::string>(std::move(out)), value.as_text().markup};
}

Value truncated(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "truncate", arguments, {"length", "killwords", "end", "leeway"}, 0);
  const Int length_wanted = bound.integer(0, 255), leeway = bound.none_or_missing(3) ? 5 : bound.integer(3, 5);
  const std::string end = bound.has(2) ? bound.string(2) : "...";
  const auto end_size = static_cast<Int>(char_count(end));
  if (length_wanted < end_size) runtime.fail("truncate: length is shorter than the end it appends");
  if (leeway < 0) runtime.fail("truncate: leeway is negative");
  if (static_cast<Int>(length(runtime, value)) <= length_wanted + leeway) return value;
  if (!value.is_string()) runtime.fail(format("truncate needs a string, not '%s'", value.type_name()));
  const std::string& text = value.as_string();
  std::string kept = text.substr(0, byte_of_char(text, static_cast<size_t>(length_wanted - end_size)));
  const size_t blank = bound.flag(1, false) ? std::string::npos : kept.rfind(' ');
  return kept.substr(0, blank) + end;
}

Value word_count(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "wordcount", arguments, {}, 0);
  const std::string text = str(runtime, value);
  runtime.spend(text.size() / 16);
  size_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    const bool word = c == '_' || is_alnum(c);
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return words;
}

Value url_encoded(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "urlencode", arguments, {}, 0);
  const auto quote = [&](const Value& part, bool query) {
    std::string out;
    for (const char c : str(runtime, part)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80 &&
          (std::isalnum(byte) || std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !query))) {
        out += c;
      } else {
        out += query && c == ' ' ? "+" : hone::format("%%%02X", byte);
      }
    }
    runtime.spend_bytes(out.size());
    return out;
  };
  if (value.is_string() || !is_iterable(runtime, value)) return quote(value, false);
  std::vector<Value> pairs;
  if (value.is_dict()) {
    for (const auto& [key, item] : value.as_dict()->entries()) pairs.push_back(make_tuple(runtime, {key, item}));
  } else {
    pairs = to_vector(runtime, value);
  }
  std::string out;
  for (const Value& pair : pairs) {
    const std::vector<Value> parts = to_vector(runtime, pair);
    if (parts.size() != 2) runtime.fail("urlencode needs pairs of key and value");
    runtime.append(out, (out.empty() ? "" : "&") + quote(parts[0], true) + "=" + quote(parts[1], true));
  }
  return out;
}

Value file_size(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "filesizeformat", arguments, {"binary"}, 0);
  const bool binary = bound.flag(0, false);
  const Value number = to_float(runtime, value, {{undefined("not a number of bytes")}, {}});
  if (!number.is_float()) runtime.fail("filesizeformat needs a number");
  const double bytes = number.as_float(), base = binary ? 1024 : 1000;
  if (bytes == 1) return "1 Byte";
  if (bytes < base) return int_to_string(jinja::truncate(runtime, bytes)) + " Bytes";
  constexpr const char* kBinary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
  constexpr const char* kDecimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  double unit = base * base;
  size_t i = 0;
  for (; i < 7 && bytes >= unit; ++i) unit *= base;
  return hone::format("%.1f %s", base * bytes / unit, binary ? kBinary[i] : kDecimal[i]);
}

Value to_json(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  JsonStyle style;
  style.ensure_ascii = bound.flag(0, false);
  if (!bound.none_or_missing(1)) {
    const Int width = bound[1].is_string() ? Int{0} : std::max(bound.integer(1, 0), Int{0});
    style.indent = bound[1].is_string() ? bound.string(1) : fill_text(runtime, "", width, " ", Alignment::kLeft);
    style.item_separator = ",";
  }
  if (!bound.none_or_missing(2)) {
    const std::vector<Value> separators = to_vector(runtime, bound[2]);
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) {
      runtime.fail("tojson: separators must be two strings");
    }
    style.item_separator = separators[0].as_string();
    style.key_separator = separators[1].as_string();
  }
  style.sort_keys = bound.flag(3, false);
  return dump_json(runtime, value, style);
}

}  // namespace filters
}  // namespace hone::text::jinja
