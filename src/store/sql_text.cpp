#include "store/sql_text.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "base/strings.h"

namespace hone::store {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}

/// The place behind the comment that begins at `at`, or `at` if none does.
size_t after_comment(std::string_view sql, size_t at) {
  const std::string_view rest = sql.substr(at);
  if (starts_with(rest, "--")) return std::min(sql.find('\n', at), sql.size());
  if (!starts_with(rest, "/*")) return at;
  const size_t end = sql.find("*/", at + 2);
  return end == std::string_view::npos ? sql.size() : end + 2;
}

/// The same for a string, a quoted name or a comment. A doubled quote inside reads as two literals side by side.
size_t after_literal(std::string_view sql, size_t at) {
  if (sql[at] != '\'' && sql[at] != '"') return after_comment(sql, at);
  const size_t end = sql.find(sql[at], at + 1);
  return end == std::string_view::npos ? sql.size() : end + 1;
}

/// The next place from `at` on that is neither white space nor comment.
size_t skip_space(std::string_view sql, size_t at) {
  while (at < sql.size()) {
    const size_t next = kSpace.find(sql[at]) != std::string_view::npos ? at + 1 : after_comment(sql, at);
    if (next == at) break;
    at = next;
  }
  return at;
}

std::string_view word_at(std::string_view sql, size_t at) {
  size_t end = at;
  while (end < sql.size() && is_word(sql[end])) ++end;
  return sql.substr(at, end - at);
}

std::string upper(std::string_view word) {
  std::string text(word);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// The place behind `words`, in any case and with any space between them, or `at` if they do not stand there.
size_t after_words(std::string_view sql, size_t at, std::initializer_list<std::string_view> words) {
  size_t place = at;
  for (const std::string_view word : words) {
    const size_t begin = skip_space(sql, place);
    const std::string_view found = word_at(sql, begin);
    if (upper(found) != word) return at;
    place = begin + found.size();
  }
  return place;
}

/// The place behind a column type that numbers the rows by itself, or `at` if none stands there.
size_t after_identity(std::string_view sql, size_t at) {
  const size_t begin = after_words(sql, at, {"BIGINT", "GENERATED"});
  if (begin == at) return at;
  size_t how = after_words(sql, begin, {"ALWAYS"});
  if (how == begin) how = after_words(sql, begin, {"BY", "DEFAULT"});
  const size_t end = after_words(sql, how, {"AS", "IDENTITY", "PRIMARY", "KEY"});
  return how == begin || end == how ? at : end;
}

/// The type that stands at `at` in SQLite's words; `end` is the place behind it, or `at` if no type stands there.
std::string_view sqlite_type(std::string_view sql, size_t at, size_t& end) {
  if ((end = after_identity(sql, at)) != at) return "INTEGER PRIMARY KEY AUTOINCREMENT";
  if ((end = after_words(sql, at, {"BIGINT"})) != at) return "INT";
  if ((end = after_words(sql, at, {"DOUBLE", "PRECISION"})) != at) return "REAL";
  return "";
}

}  // namespace

std::string first_word(std::string_view sql) {
  return upper(word_at(sql, skip_space(sql, 0)));
}

bool only_reads(std::string_view sql) {
  const std::string word = first_word(sql);
  return word == "SELECT" || word == "VALUES";
}

size_t count_placeholders(std::string_view sql) {
  size_t count = 0;
  for (size_t at = 0; at < sql.size();) {
    const size_t next = after_literal(sql, at);
    if (next == at && sql[at] == '?') ++count;
    at = std::max(next, at + 1);
  }
  return count;
}

std::string number_placeholders(std::string_view sql) {
  std::string text;
  size_t count = 0;
  for (size_t at = 0; at < sql.size();) {
    const size_t next = std::max(after_literal(sql, at), at + 1);
    if (sql[at] == '?')
      text += "$" + std::to_string(++count);
    else
      text += sql.substr(at, next - at);
    at = next;
  }
  return text;
}

std::vector<std::string> split_statements(std::string_view sql) {
  std::vector<std::string> all;
  const auto add = [&all](std::string_view statement) {
    if (skip_space(statement, 0) != statement.size()) all.emplace_back(trim(statement));
  };
  size_t begin = 0;
  for (size_t at = 0; at < sql.size();) {
    if (sql[at] == ';') {
      add(sql.substr(begin, at - begin));
      begin = at + 1;
    }
    at = std::max(after_literal(sql, at), at + 1);
  }
  add(sql.substr(begin));
  return all;
}

std::string sqlite_definition(std::string_view statement) {
  const size_t begin = skip_space(statement, 0);
  const bool creates = after_words(statement, begin, {"CREATE", "TABLE"}) != begin;
  if (!creates && after_words(statement, begin, {"ALTER", "TABLE"}) == begin) return std::string(statement);
  std::string text;
  for (size_t at = 0; at < statement.size();) {
    size_t next = after_literal(statement, at);
    if (next == at && is_word(statement[at])) {
      const std::string_view type = sqlite_type(statement, at, next);
      if (type.empty()) next = at + word_at(statement, at).size();
      text += type.empty() ? statement.substr(at, next - at) : type;
    } else {
      next = std::max(next, at + 1);
      text += statement.substr(at, next - at);
    }
    at = next;
  }
  // On a line of its own, since a comment may be the last thing.
  return creates ? text + "\nSTRICT" : text;
}

}  // namespace hone::store
