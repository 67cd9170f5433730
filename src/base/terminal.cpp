#include "base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "base/strings.h"

namespace hone {
namespace {

std::mutex output_mutex;
std::string live_line;  // the progress line now on screen, "" if none

bool is_live(int descriptor) {
  const char* term = std::getenv("TERM");
  return ::isatty(descriptor) && !std::getenv("NO_COLOR") && term != nullptr && std::string(term) != "dumb";
}

size_t columns() {
  struct winsize size {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 80;
}

void print_above(const std::string& text) {
  const std::lock_guard lock(output_mutex);
  if (!live_line.empty()) std::fputs("\r\x1b[K", stderr);
  std::fprintf(stderr, "%s\n", text.c_str());
  if (!live_line.empty()) std::fputs(live_line.c_str(), stderr);
  std::fflush(stderr);
}

std::string bar(double fraction) {
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * kWidth));
  std::string text;
  for (int i = 0; i < kWidth; ++i) text += i < filled ? "━" : "╌";
  return text;
}

std::string count(double value) {
  return value == std::floor(value) ? with_commas(static_cast<long long>(value)) : format("%.1f", value);
}

bool looks_numeric(const std::string& cell) {
  if (cell.empty()) return true;
  bool digit = false;
  for (const char c : cell) {
    if (std::isdigit(static_cast<unsigned char>(c)))
      digit = true;
    else if (!std::isspace(static_cast<unsigned char>(c)) &&
             std::string_view("+-.,%e∞×").find(c) == std::string_view::npos)
      return false;
  }
  return digit || cell == "-";
}

}  // namespace

void say(const std::string& text) {
  print_above(text);
}
void warn(const std::string& text) {
  print_above(terminal_is_live() ? "\x1b[33mwarning:\x1b[0m " + text : "warning: " + text);
}
bool terminal_is_live() {
  return is_live(STDERR_FILENO);
}
bool output_is_live() {
  return is_live(STDOUT_FILENO);
}

Progress::Progress(std::string title, double total, std::string unit, double plain_interval_seconds)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      plain_interval_(plain_interval_seconds),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {}

Progress::~Progress() {
  finish();
}

void Progress::start_at(double done) {
  started_at_ = done_ = done;
}

void Progress::update(double done, const std::string& detail) {
  done_ = done;
  detail_ = detail;
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> since = now - drawn_;
  const double interval = terminal_is_live() ? 0.1 : plain_interval_;
  if (ever_drawn_ || terminal_is_live()) {
    if (since.count() < interval && ever_drawn_) return;
  } else if (since.count() < interval) {
    return;
  }
  drawn_ = now;
  draw(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (ever_drawn_ || terminal_is_live()) draw(true);
}

void Progress::draw(bool last) {
  ever_drawn_ = true;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
  const double rate = (done_ - started_at_) / std::max(elapsed.count(), 1e-9);
  const double fraction = total_ > 0 ? done_ / total_ : 1;
  std::string text = title_ + " " + (terminal_is_live() ? bar(fraction) + " " : "") +
                     format("%3.0f%% ", 100 * fraction) + count(done_) + "/" + count(total_) + " " + unit_ + " · " +
                     format("%.*f", rate < 10 ? 2 : 0, rate) + "/s · " + human_seconds(elapsed.count()) +
                     (last ? "" : " · " + human_seconds(rate > 0 ? (total_ - done_) / rate : -1) + " left");
  if (!detail_.empty()) text += " · " + detail_;
  const std::lock_guard lock(output_mutex);
  if (terminal_is_live()) {
    while (display_width(text) >= columns()) {
      // The last character whole: its following bytes, then the one that leads them.
      while (text.size() > 1 && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
      text.pop_back();
    }
    std::fprintf(stderr, "\r\x1b[K%s%s", text.c_str(), last ? "\n" : "");
    live_line = last ? "" : text;
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
}

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::add(std::vector<std::string> row) {
  row.resize(header_.size());
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  for (size_t c = 0; c < header_.size(); ++c) {
    size_t width = display_width(header_[c]);
    bool all_numeric = !rows_.empty();
    for (const auto& row : rows_) {
      width = std::max(width, display_width(row[c]));
      all_numeric = all_numeric && looks_numeric(row[c]);
    }
    widths.push_back(width);
    numeric.push_back(all_numeric);
  }
  std::string text;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string out;
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) out += "  ";
      out += pad(row[c], widths[c], numeric[c]);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    text += out + "\n";
  };
  line(header_);
  std::vector<std::string> rule;
  for (const size_t width : widths) {
    std::string dashes;
    for (size_t i = 0; i < width; ++i) dashes += "─";
    rule.push_back(dashes);
  }
  line(rule);
  for (const auto& row : rows_) line(row);
  return text;
}

std::string Table::markdown() const {
  std::string text;
  const auto line = [&](const std::vector<std::string>& row) {
    text += "|";
    for (const auto& cell : row) text += " " + cell + " |";
    text += "\n";
  };
  line(header_);
  line(std::vector<std::string>(header_.size(), "---"));
  for (const auto& row : rows_) line(row);
  return text;
}

}  // namespace hone
