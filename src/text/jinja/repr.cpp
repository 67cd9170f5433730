// str() and repr() of Python, and json.dumps.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/strings.h"
#include "text/jinja/runtime.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

class Writer {
 public:
  explicit Writer(Runtime& runtime) : runtime_(runtime) {}
  void add(std::string_view text) { runtime_.append(out_, text); }
  std::string take() { return std::move(out_); }

 private:
  Runtime& runtime_;
  std::string out_;
};

void write_repr(Runtime& runtime, Writer& out, const Value& value) {
  const Nested nested(runtime);
  if (value.is_string()) {
    out.add(value.as_text().markup ? "Markup(" + repr_string(value.as_string()) + ")" : repr_string(value.as_string()));
  } else if (value.is_list() || value.is_tuple()) {
    const auto& items = value.as_items()->values;
    out.add(value.is_list() ? "[" : "(");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.add(", ");
      write_repr(runtime, out, items[i]);
    }
    if (value.is_tuple() && items.size() == 1) out.add(",");
    out.add(value.is_list() ? "]" : ")");
  } else if (value.is_dict()) {
    out.add("{");
    bool first = true;
    for (const auto& [key, item] : value.as_dict()->entries()) {
      if (!first) out.add(", ");
      first = false;
      write_repr(runtime, out, key);
      out.add(": ");
      write_repr(runtime, out, item);
    }
    out.add("}");
  } else if (value.is_undefined() || value.is_missing()) {
    out.add("Undefined");
  } else if (value.is_object()) {
    out.add(value.as_object()->repr(runtime));
  } else {
    out.add(str(runtime, value));
  }
}

// ---- JSON ----------------------------------------------------------------------------------------

std::string json_string(std::string_view text, bool ensure_ascii) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c == '"' || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\f') {
      out += "\\f";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c < 0x20 || (ensure_ascii && c >= 0x7F && c < 0x10000)) {
      out += format("\\u%04x", static_cast<unsigned>(c));
    } else if (ensure_ascii && c >= 0x10000) {
      const auto rest = static_cast<unsigned>(c) - 0x10000;
      out += format("\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    } else {
      append_char(out, c);
    }
  }
  return out + "\"";
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style), out_(runtime) {}

  std::string write(const Value& value) {
    write_value(value, 0);
    return out_.take();
  }

 private:
  void write_value(const Value& value, int level) {
    const Nested nested(runtime_);
    if (value.is_string()) return out_.add(json_string(value.as_string(), style_.ensure_ascii));
    if (value.is_none()) return out_.add("null");
    if (value.is_bool()) return out_.add(value.as_bool() ? "true" : "false");
    if (value.is_int()) return out_.add(int_to_string(value.as_int()));
    if (value.is_float()) return out_.add(number(value.as_float()));
    if (value.is_list() || value.is_tuple()) return write_array(value.as_items()->values, level);
    if (value.is_dict()) return write_object(*value.as_dict(), level);
    runtime_.fail(format("Object of type %s is not JSON serializable", value.type_name()));
  }

  void write_array(const std::vector<Value>& items, int level) {
    if (items.empty()) return out_.add("[]");
    out_.add("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.add(style_.item_separator);
      new_line(level + 1);
      write_value(items[i], level + 1);
    }
    new_line(level);
    out_.add("]");
  }

  void write_object(const Dict& dict, int level) {
    if (dict.size() == 0) return out_.add("{}");
    std::vector<Dict::Entry> entries = dict.entries();
    runtime_.spend_items(entries.size());
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [&](const Dict::Entry& a, const Dict::Entry& b) { return less(runtime_, a.first, b.first); });
    }
    out_.add("{");
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) out_.add(style_.item_separator);
      first = false;
      new_line(level + 1);
      out_.add(json_string(key_text(key), style_.ensure_ascii));
      out_.add(style_.key_separator);
      write_value(value, level + 1);
    }
    new_line(level);
    out_.add("}");
  }

  std::string key_text(const Value& key) {
    if (key.is_string()) return key.as_string();
    if (key.is_none()) return "null";
    if (key.is_bool()) return key.as_bool() ? "true" : "false";
    if (key.is_float()) return number(key.as_float());
    if (key.is_int()) return int_to_string(key.as_int());
    runtime_.fail(format("keys must be str, int, float, bool or None, not %s", key.type_name()));
  }

  static std::string number(double real) {
    if (std::isnan(real)) return "NaN";
    if (std::isinf(real)) return real > 0 ? "Infinity" : "-Infinity";
    return repr_float(real);
  }

  void new_line(int level) {
    if (!style_.indent) return;
    out_.add("\n");
    for (int i = 0; i < level; ++i) out_.add(*style_.indent);
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  Writer out_;
};

}  // namespace

std::string int_to_string(Int number) {
  const bool negative = number < 0;
  __extension__ using Unsigned = unsigned __int128;
  Unsigned rest = negative ? -static_cast<Unsigned>(number) : static_cast<Unsigned>(number);
  char digits[40];
  char* at = digits + sizeof digits;
  do {
    *--at = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (negative) *--at = '-';
  return {at, static_cast<size_t>(digits + sizeof digits - at)};
}

/// float.__repr__: the shortest digits that read back as the same number, in fixed notation while the
/// decimal exponent lies in [-4, 16).
std::string repr_float(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string digits, sign = text[0] == '-' ? "-" : "";
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (exponent < -4 || exponent >= 16) {
    const std::string fraction = digits.size() > 1 ? "." + digits.substr(1) : "";
    return sign + digits[0] + fraction + format("e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string repr_string(std::string_view text) {
  const bool double_quoted = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quoted ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_char(out, c);
    } else {
      out += c < 0x100     ? format("\\x%02x", static_cast<unsigned>(c))
             : c < 0x10000 ? format("\\u%04x", static_cast<unsigned>(c))
                           : format("\\U%08x", static_cast<unsigned>(c));
    }
  }
  return out + quote;
}

std::string str(Runtime& runtime, const Value& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_undefined() || value.is_missing()) return "";
  if (value.is_none()) return "None";
  if (value.is_bool()) return value.as_bool() ? "True" : "False";
  if (value.is_int()) return int_to_string(value.as_int());
  if (value.is_float()) return repr_float(value.as_float());
  return repr(runtime, value);
}

std::string repr(Runtime& runtime, const Value& value) {
  Writer out(runtime);
  write_repr(runtime, out, value);
  return out.take();
}

std::string dump_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  return JsonWriter(runtime, style).write(value);
}

}  // namespace hone::text::jinja
