// Methods of str.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "text/jinja/methods.h"
#include "text/jinja/text_tools.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja {
namespace {

const std::string& text_of(const Value& self) {
  return self.as_string();
}

// ---- case ---------------------------------------------------------------------------------------------

template <std::string (*convert)(std::string_view)>
Value converted(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "this method of str", arguments, {}, 0);
  runtime.spend_bytes(text_of(self).size());
  return convert(text_of(self));
}

/// True when there is a character and each of them passes.
template <bool (*holds)(char32_t)>
Value every(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "this method of str", arguments, {}, 0);
  const std::string& text = text_of(self);
  runtime.spend(text.size() / 16);
  for (size_t at = 0; at < text.size();) {
    if (!holds(next_char(text, at))) return false;
  }
  return !text.empty();
}

Value is_ascii(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "isascii", arguments, {}, 0);
  const std::string& text = text_of(self);
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Value is_printable_text(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return text_of(self).empty() ? Value(true) : every<is_printable>(runtime, self, arguments);
}

Value is_identifier_text(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "isidentifier", arguments, {}, 0);
  return is_identifier(text_of(self));
}

template <bool upper_case>
Value is_cased(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "this method of str", arguments, {}, 0);
  return upper_case ? is_upper_text(text_of(self)) : is_lower_text(text_of(self));
}

/// Each run of cased characters begins with a capital and goes on in lower case.
Value is_title_text(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "istitle", arguments, {}, 0);
  bool inside = false, any = false;
  const std::string& text = text_of(self);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    const bool capital = is_upper(c) || is_title(c), small = is_lower(c);
    if ((capital && inside) || (small && !inside)) return false;
    inside = capital || small;
    any = any || inside;
  }
  return any;
}

// ---- searching -------------------------------------------------------------------------------------------

/// The bytes of the part text[start:end] that find, count and startswith look at; nothing when start
/// lies behind the end.
std::optional<std::pair<size_t, size_t>> part_of(Runtime& runtime, const std::string& text, const Bound& bound) {
  if (bound.none_or_missing(1) && bound.none_or_missing(2)) return std::pair<size_t, size_t>{0, text.size()};
  const auto size = static_cast<Int>(char_count(text));
  runtime.spend(text.size() / 16);
  const auto place = [&](size_t i, Int otherwise) {
    if (bound.none_or_missing(i)) return otherwise;
    const Int at = bound.integer(i, 0);
    return at < 0 ? (at < -size ? Int{0} : at + size) : at;
  };
  const Int start = place(1, 0), end = std::min(place(2, size), size);
  if (start > size || start > end) return std::nullopt;
  return std::pair<size_t, size_t>{byte_of_char(text, static_cast<size_t>(start)),
                                   byte_of_char(text, static_cast<size_t>(end))};
}

template <bool last, bool must_exist>
Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, must_exist ? "index" : "find", arguments, {"/sub", "/start", "/end"}, 1);
  const std::string& text = text_of(self);
  const std::string& wanted = bound.string(0);
  if (const auto part = part_of(runtime, text, bound)) {
    const std::string_view inside = std::string_view(text).substr(part->first, part->second - part->first);
    const size_t found = last ? find_last(runtime, inside, wanted) : find_text(runtime, inside, wanted, 0);
    if (found != std::string_view::npos) return char_count(std::string_view(text).substr(0, part->first + found));
  }
  if (must_exist) runtime.fail("substring not found");
  return -1;
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "count", arguments, {"/sub", "/start", "/end"}, 1);
  const std::string& text = text_of(self);
  const std::string& wanted = bound.string(0);
  const auto part = part_of(runtime, text, bound);
  if (!part) return 0;
  const std::string_view inside = std::string_view(text).substr(part->first, part->second - part->first);
  if (wanted.empty()) return char_count(inside) + 1;
  size_t found = 0;
  for (size_t at = 0; (at = find_text(runtime, inside, wanted, at)) != std::string_view::npos; at += wanted.size())
    ++found;
  return found;
}

template <bool at_end>
Value begins_or_ends(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const char* name = at_end ? "endswith" : "startswith";
  const Bound bound(runtime, name, arguments, {"/prefix", "/start", "/end"}, 1);
  const std::string& text = text_of(self);
  const auto part = part_of(runtime, text, bound);
  const auto matches = [&](const Value& wanted) {
    if (!wanted.is_string()) {
      runtime.fail(format("%s first arg must be str or a tuple of str, not %s", name, wanted.type_name()));
    }
    if (!part) return false;
    const std::string_view inside = std::string_view(text).substr(part->first, part->second - part->first);
    return at_end ? inside.ends_with(wanted.as_string()) : inside.starts_with(wanted.as_string());
  };
  if (!bound[0].is_tuple()) return matches(bound[0]);
  const auto& all = bound[0].as_items()->values;
  return std::any_of(all.begin(), all.end(), matches);
}

// ---- cutting and joining ----------------------------------------------------------------------------------

template <bool left, bool right>
Value stripped(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, left && right ? "strip" : left ? "lstrip" : "rstrip", arguments, {"/chars"}, 0);
  runtime.spend(text_of(self).size() / 16);
  const std::string* chars = bound.none_or_missing(0) ? nullptr : &bound.string(0);
  return strip(text_of(self), chars, left, right);
}

template <bool from_right>
Value split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, from_right ? "rsplit" : "split", arguments, {"sep", "maxsplit"}, 0);
  const std::string* separator = bound.none_or_missing(0) ? nullptr : &bound.string(0);
  if (separator != nullptr && separator->empty()) runtime.fail("empty separator");
  std::vector<Value> parts;
  for (const std::string_view part : split_text(runtime, text_of(self), separator, bound.integer(1, -1), from_right)) {
    parts.emplace_back(part);
  }
  return make_list(runtime, std::move(parts));
}

Value splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "splitlines", arguments, {"keepends"}, 0);
  runtime.spend_bytes(text_of(self).size());
  std::vector<Value> lines;
  for (const std::string_view line : split_lines(text_of(self), bound.flag(0, false))) lines.emplace_back(line);
  return make_list(runtime, std::move(lines));
}

template <bool from_right>
Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, from_right ? "rpartition" : "partition", arguments, {"/sep"}, 1);
  const std::string_view text = text_of(self);
  const std::string& separator = bound.string(0);
  if (separator.empty()) runtime.fail("empty separator");
  const size_t at = from_right ? find_last(runtime, text, separator) : find_text(runtime, text, separator, 0);
  if (at == std::string_view::npos) {
    return from_right ? make_tuple(runtime, {"", "", text}) : make_tuple(runtime, {text, "", ""});
  }
  return make_tuple(runtime, {text.substr(0, at), separator, text.substr(at + separator.size())});
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "replace", arguments, {"/old", "/new", "/count"}, 2);
  return replace_text(runtime, text_of(self), bound.string(0), bound.string(1), bound.integer(2, -1));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "join", arguments, {"/iterable"}, 1);
  std::string joined;
  bool first = true;
  const auto items = iterate(runtime, bound[0]);
  for (size_t i = 0; const auto item = items->next(runtime); ++i) {
    if (!item->is_string()) {
      runtime.fail(format("sequence item %zu: expected str instance, %s found", i, item->type_name()));
    }
    if (!first) runtime.append(joined, text_of(self));
    first = false;
    runtime.append(joined, item->as_string());
  }
  return joined;
}

Value remove_prefix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "removeprefix", arguments, {"/prefix"}, 1);
  const std::string_view text = text_of(self), prefix = bound.string(0);
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

Value remove_suffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "removesuffix", arguments, {"/suffix"}, 1);
  const std::string_view text = text_of(self), suffix = bound.string(0);
  return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

// ---- filling ------------------------------------------------------------------------------------------------

enum class Side { kLeft, kRight, kBoth };

template <Side side>
Value fill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "ljust, rjust or center", arguments, {"/width", "/fillchar"}, 1);
  const std::string filler = bound.has(1) ? bound.string(1) : " ";
  if (char_count(filler) != 1) runtime.fail("the fill character must be exactly one character long");
  const Alignment how = side == Side::kLeft    ? Alignment::kLeft
                        : side == Side::kRight ? Alignment::kRight
                                               : Alignment::kCenter;
  return fill_text(runtime, text_of(self), bound.integer(0, 0), filler, how);
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "zfill", arguments, {"/width"}, 1);
  std::string text = text_of(self);
  const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  const std::string digits = sign ? text.substr(1) : text;
  return (sign ? text.substr(0, 1) : "") +
         fill_text(runtime, digits, bound.integer(0, 0) - (sign ? 1 : 0), "0", Alignment::kRight);
}

Value expandtabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "expandtabs", arguments, {"tabsize"}, 0);
  const Int size = std::min(bound.integer(0, 8), static_cast<Int>(runtime.limits.string_bytes));
  std::string text;
  Int column = 0;
  const std::string& source = text_of(self);
  for (size_t at = 0; at < source.size();) {
    const char32_t c = next_char(source, at);
    if (c != '\t') {
      append_char(text, c);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    } else if (size > 0) {
      const Int blanks = size - column % size;
      runtime.append(text, std::string(static_cast<size_t>(blanks), ' '));
      column += blanks;
    }
  }
  return text;
}

// ---- format ---------------------------------------------------------------------------------------------------

Value format_method(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return format_braces(runtime, text_of(self), arguments);
}

Value format_map(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(runtime, "format_map", arguments, {"/mapping"}, 1);
  Arguments named;
  if (!bound[0].is_dict()) runtime.fail("format_map() needs a mapping");
  for (const auto& [key, value] : bound[0].as_dict()->entries()) {
    if (key.is_string()) named.named.emplace_back(key.as_string(), value);
  }
  return format_braces(runtime, text_of(self), named);
}

Value unsupported(Runtime& runtime, const Value&, const Arguments&) {
  runtime.fail("str.encode, maketrans and translate are not supported");
}

constexpr std::array<std::pair<std::string_view, Method>, 47> kMethods = {{
    {"capitalize", converted<capitalize>},
    {"casefold", converted<casefold>},
    {"center", fill<Side::kBoth>},
    {"count", count},
    {"encode", unsupported},
    {"endswith", begins_or_ends<true>},
    {"expandtabs", expandtabs},
    {"find", find<false, false>},
    {"format", format_method},
    {"format_map", format_map},
    {"index", find<false, true>},
    {"isalnum", every<is_alnum>},
    {"isalpha", every<is_alpha>},
    {"isascii", is_ascii},
    {"isdecimal", every<is_decimal>},
    {"isdigit", every<is_digit>},
    {"isidentifier", is_identifier_text},
    {"islower", is_cased<false>},
    {"isnumeric", every<is_numeric>},
    {"isprintable", is_printable_text},
    {"isspace", every<is_space>},
    {"istitle", is_title_text},
    {"isupper", is_cased<true>},
    {"join", join},
    {"ljust", fill<Side::kLeft>},
    {"lower", converted<lower>},
    {"lstrip", stripped<true, false>},
    {"maketrans", unsupported},
    {"partition", partition<false>},
    {"removeprefix", remove_prefix},
    {"removesuffix", remove_suffix},
    {"replace", replace},
    {"rfind", find<true, false>},
    {"rindex", find<true, true>},
    {"rjust", fill<Side::kRight>},
    {"rpartition", partition<true>},
    {"rsplit", split<true>},
    {"rstrip", stripped<false, true>},
    {"split", split<false>},
    {"splitlines", splitlines},
    {"startswith", begins_or_ends<false>},
    {"strip", stripped<true, true>},
    {"swapcase", converted<swapcase>},
    {"title", converted<title>},
    {"translate", unsupported},
    {"upper", converted<upper>},
    {"zfill", zfill},
}};

/// Methods that markupsafe's str subclass leaves as they are: they answer with numbers and truth values.
bool returns_text(const Value& value) {
  return value.is_string() || value.is_list() || value.is_tuple();
}

Value as_markup(Runtime& runtime, const Value& value) {
  if (value.is_string()) return Text{value.as_text().bytes, true};
  if (!value.is_list() && !value.is_tuple()) return value;
  std::vector<Value> parts;
  for (const Value& part : value.as_items()->values) parts.push_back(as_markup(runtime, part));
  return value.is_list() ? make_list(runtime, std::move(parts)) : make_tuple(runtime, std::move(parts));
}

/// Markup escapes the plain text it is given and answers with Markup.
template <size_t i>
Value on_string(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Method method = kMethods[i].second;
  if (!self.as_text().markup) return method(runtime, self, arguments);
  Arguments escaped = arguments;
  constexpr std::string_view name = kMethods[i].first;
  constexpr bool keeps_arguments = name == "split" || name == "rsplit" || name == "splitlines" || name == "find" ||
                                   name == "index" || name == "count" || name == "rfind" || name == "rindex" ||
                                   name == "startswith" || name == "endswith";
  if constexpr (!keeps_arguments) {
    for (Value& value : escaped.positional) {
      if (value.is_string() && !value.as_text().markup) value = markup(escape_html(runtime, value.as_string()));
    }
  }
  const Value result = method(runtime, self, escaped);
  return returns_text(result) ? as_markup(runtime, result) : result;
}

template <size_t... i>
constexpr auto wrap(std::index_sequence<i...>) {
  return std::array<Method, sizeof...(i)>{on_string<i>...};
}

constexpr auto kWrapped = wrap(std::make_index_sequence<kMethods.size()>());

}  // namespace

Method find_string_method(std::string_view name) {
  const auto at = std::lower_bound(kMethods.begin(), kMethods.end(), name,
                                   [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  if (at == kMethods.end() || at->first != name) return nullptr;
  return kWrapped[static_cast<size_t>(at - kMethods.begin())];
}

}  // namespace hone::text::jinja
