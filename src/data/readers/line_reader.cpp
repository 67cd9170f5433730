#include "data/readers/line_reader.h"

#include "base/strings.h"
#include "data/value.h"

namespace hone::data {

bool LineReader::next(Line& line) {
  source_.skip(pending_);
  pending_ = 0;
  size_t scanned = 0, end = std::string_view::npos;
  while ((end = source_.window().find('\n', scanned)) == std::string_view::npos) {
    scanned = source_.window().size();
    if (scanned > max_bytes_) return skip_too_long(line);
    if (!source_.fill()) break;
  }
  const std::string_view window = source_.window();
  if (window.empty()) return false;
  pending_ = end == std::string_view::npos ? window.size() : end + 1;
  const std::string_view text = window.substr(0, end);
  line = {ends_with(text, "\r") ? text.substr(0, text.size() - 1) : text, source_.line(), source_.position(),
          text.size() > max_bytes_};
  if (line.too_long) line.text = line.text.substr(0, 1024);
  return true;
}

bool LineReader::skip_too_long(Line& line) {
  too_long_beginning_ = source_.window().substr(0, 1024);
  too_long_beginning_.append(JsonParser::kPadding, '\0');
  line = {std::string_view(too_long_beginning_).substr(0, 1024), source_.line(), source_.position(), true};
  while (true) {
    const size_t end = source_.window().find('\n');
    if (end != std::string_view::npos) {
      source_.skip(end + 1);
      return true;
    }
    source_.skip(source_.window().size());
    if (!source_.fill()) return true;
  }
}

}  // namespace hone::data
