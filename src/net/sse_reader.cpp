#include "net/client.h"

namespace hone::net {

std::vector<SseReader::Event> SseReader::feed(std::string_view text) {
  std::vector<Event> events;
  for (const char c : text) {
    const bool second_of_pair = after_return_ && c == '\n';
    after_return_ = c == '\r';
    if (second_of_pair) continue;
    if (c == '\n' || c == '\r')
      end_line(events);
    else
      line_ += c;
  }
  return events;
}

void SseReader::end_line(std::vector<Event>& events) {
  std::string line;
  line.swap(line_);
  if (line.empty()) {
    if (has_data_) events.push_back(std::move(event_));
    event_ = {};
    has_data_ = false;
    return;
  }
  const size_t colon = line.find(':');
  const std::string name = line.substr(0, colon);
  std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.erase(0, 1);
  if (name == "event") event_.name = value;
  if (name != "data") return;
  if (has_data_) event_.data += '\n';
  event_.data += value;
  has_data_ = true;
}

}  // namespace hone::net
