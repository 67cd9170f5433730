// The comparison as people read it.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "base/terminal.h"
#include "evaluate/comparison.h"

namespace hone::evaluate {
namespace {

std::string figure(const std::string& metric, double value) {
  if (!std::isfinite(value)) return "-";
  if (metric == "accuracy") return format("%.1f%%", 100 * value);
  if (metric == "perplexity") return format(value < 1000 ? "%.2f" : "%.4g", value);
  const bool percent_scale = starts_with(metric, "bleu") || starts_with(metric, "chrf");
  return format(percent_scale ? "%.2f" : "%.4f", value);
}

std::string title(const std::string& metric) {
  return metric + (lower_is_better(metric) ? " ↓" : " ↑");
}

/// "▲ +12.3%": the mark says better or worse, the sign agrees with it.
std::string change(const ComparedMetric& row) {
  const double first = row.values.front(), last = row.values.back();
  if (first == last) return "=";
  const bool better = (last > first) != lower_is_better(row.name);
  if (!row.improvement_percent) return std::string(better ? "▲" : "▼") + " from 0";
  return (better ? "▲ " : "▼ ") + format("%+.1f%%", *row.improvement_percent);
}

std::string certainty(const ComparedMetric& row) {
  if (row.values.front() == row.values.back()) return "";
  if (row.pairs > 0 && row.pairs < kFewestPairs) return "too few examples";
  if (!row.significance) return "";
  const double p = row.significance->p_value;
  if (p >= 0.05) return format("p = %.2f, may be chance", p);
  return p < 0.001 ? "p < 0.001" : format("p = %.3f", p);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string table_text(const std::vector<Contender>& contenders, const std::vector<ComparedMetric>& compared) {
  std::vector<std::string> header = {format("%zu examples", contenders.front().evaluation.examples)};
  for (const Contender& contender : contenders) header.push_back(contender.name);
  header.insert(header.end(), {"change", "significance"});
  size_t widest = 0;
  for (const ComparedMetric& row : compared) widest = std::max(widest, display_width(change(row)));
  Table table(header);
  for (const ComparedMetric& row : compared) {
    std::vector<std::string> cells = {title(row.name)};
    for (const double value : row.values) cells.push_back(figure(row.name, value));
    cells.push_back(pad(change(row), widest, true));
    cells.push_back(certainty(row));
    table.add(std::move(cells));
  }
  std::string text = table.text();
  if (output_is_live()) {
    replace_all(text, "▲", "\x1b[32m▲\x1b[0m");
    replace_all(text, "▼", "\x1b[31m▼\x1b[0m");
  }
  return text;
}

std::string labelled(const std::string& label, size_t label_width, const std::string& words, size_t width) {
  std::string text;
  bool first = true;
  for (const std::string& line : wrap(words, width - std::min(width / 2, label_width + 2), 6)) {
    text += pad(first ? label : "", label_width) + "  " + line + "\n";
    first = false;
  }
  return text;
}

std::string rule(const std::string& words, size_t width) {
  std::string text = "── " + words + " ";
  for (size_t used = display_width(text); used < width; ++used) text += "─";
  return text + "\n";
}

/// The next piece that may stand alone on a line: a run of blanks, one wide character, or a run of others.
std::string_view next_piece(std::string_view text) {
  const auto length = [](char lead) -> size_t {
    const auto byte = static_cast<unsigned char>(lead);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  };
  size_t end = 0;
  while (end < text.size()) {
    const size_t next = std::min(text.size(), end + length(text[end]));
    if (text[end] == ' ') return text.substr(0, end == 0 ? next : end);
    if (display_width(text.substr(end, next - end)) > 1) return text.substr(0, end == 0 ? next : end);
    end = next;
  }
  return text.substr(0, end);
}

/// Tabs and line breaks become blanks and ¶; other control characters would move the terminal's cursor.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : std::string(trim(text))) {
    if (c == '\n')
      out += " ¶ ";
    else if (c == '\t')
      out += ' ';
    else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)
      out += c;
  }
  return out;
}

/// A piece that is wider than a line is cut where the line ends, between characters.
size_t fitting_bytes(std::string_view piece, size_t width) {
  size_t end = 0;
  while (end < piece.size()) {
    size_t next = end + 1;
    while (next < piece.size() && (static_cast<unsigned char>(piece[next]) & 0xC0) == 0x80) ++next;
    if (display_width(piece.substr(0, next)) > width) break;
    end = next;
  }
  return end == 0 ? piece.size() : end;
}

}  // namespace

std::vector<std::string> wrap(const std::string& text, size_t width, size_t max_lines) {
  const std::string words = printable(text);
  std::string_view rest = words;
  std::vector<std::string> lines(1);
  size_t used = 0;
  while (!rest.empty()) {
    std::string_view piece = next_piece(rest);
    if (display_width(piece) > width) piece = piece.substr(0, fitting_bytes(piece, width));
    rest.remove_prefix(piece.size());
    const size_t columns = display_width(piece);
    if (used + columns > width) {
      while (!lines.back().empty() && lines.back().back() == ' ') lines.back().pop_back();
      if (lines.size() == max_lines) {
        lines.back() =
            std::string(std::string_view(lines.back()).substr(0, fitting_bytes(lines.back(), width - 1))) + "…";
        return lines;
      }
      lines.emplace_back();
      used = 0;
      if (piece == " ") continue;
    }
    lines.back() += piece;
    used += columns;
  }
  if (lines.size() == 1 && lines[0].empty()) lines[0] = "(nothing)";
  return lines;
}

std::string to_text(const std::vector<Contender>& contenders, const std::vector<ComparedMetric>& compared,
                    size_t samples, size_t width) {
  std::string text = table_text(contenders, compared);
  const std::vector<size_t> chosen = choose_samples(contenders, samples);
  size_t label_width = display_width("expected");
  for (const Contender& contender : contenders) label_width = std::max(label_width, display_width(contender.name));
  for (const size_t i : chosen) {
    const Answer& first = contenders.front().evaluation.answers[i];
    text += "\n" + rule(format("example %zu", first.index + 1), width);
    text += labelled("prompt", label_width, first.prompt, width);
    text += labelled("expected", label_width, first.reference, width);
    for (const Contender& contender : contenders) {
      text += labelled(contender.name, label_width, contender.evaluation.answers[i].text, width);
    }
  }
  return text;
}

}  // namespace hone::evaluate
