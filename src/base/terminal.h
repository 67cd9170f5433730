// What a person sees while work goes on: messages and a live progress line on standard error,
// tables on standard output. Nothing here is written when standard error is not wanted.
#pragma once
#include <chrono>
#include <string>
#include <vector>

namespace hone {

/// One line on standard error, above the progress line if there is one.
void say(const std::string& text);
void warn(const std::string& text);
/// True when standard error is a terminal that understands cursor movement and colour (NO_COLOR honoured).
bool terminal_is_live();
/// Same question for standard output.
bool output_is_live();

/// A bar with rate and time left. On a terminal it is redrawn in place at most ten times a second;
/// elsewhere a plain line appears at most every `plain_interval_seconds`.
class Progress {
 public:
  Progress(std::string title, double total, std::string unit, double plain_interval_seconds = 10);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `done` of `total`; `detail` is shown after the rate, e.g. "loss 2.31".
  void update(double done, const std::string& detail = "");
  /// Resumed work: the part that was already done does not count for the rate.
  void start_at(double done);
  /// Draws the final state and ends the line; called by the destructor too.
  void finish();

 private:
  void draw(bool last);
  std::string title_, unit_, detail_;
  double total_, done_ = 0, started_at_ = 0, plain_interval_;
  std::chrono::steady_clock::time_point begin_, drawn_;
  bool finished_ = false, ever_drawn_ = false;
};

/// A table with aligned columns (Hangul counts two columns wide); numbers are aligned right.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void add(std::vector<std::string> row);
  std::string text() const;
  std::string markdown() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hone
