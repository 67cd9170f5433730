#include "track/metrics_log.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace hone::track {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

Json number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == std::floor(value) && std::abs(value) < kExactIntegers && !(value == 0 && std::signbit(value))) {
    return static_cast<int64_t>(value);  // token and byte counts without a trailing .0
  }
  return value;
}

std::optional<double> number_in(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

MetricsRow row_of(const Json& record, const std::string& place) {
  if (!record.is_object()) fail_input(place, "is not a JSON object", "one object a line is expected");
  const auto step = record.find("step");
  if (step == record.end()) fail_input(place, "has no field \"step\"");
  const double as_double = step->is_number() ? step->get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(std::abs(as_double) <= kExactIntegers) || as_double != std::floor(as_double)) {
    fail_input(place, "\"step\" is " + excerpt(to_line(*step), 40) + ", a whole number is expected");
  }
  MetricsRow row;
  row.step = static_cast<int64_t>(as_double);
  for (const auto& [name, value] : record.items()) {
    const std::optional<double> figure = number_in(value);
    if (name == "step" || !figure) continue;
    if (name == "wall_time") {
      row.wall_time = *figure;
    } else {
      row.scalars.emplace_back(name, *figure);
    }
  }
  return row;
}

}  // namespace

MetricsLog parse_metrics(std::string_view content, const std::string& source) {
  MetricsLog log;
  size_t begin = 0;
  for (size_t line_number = 1; begin < content.size(); ++line_number) {
    const size_t end = content.find('\n', begin);
    const bool whole = end != content.npos;
    const std::string_view line = content.substr(begin, whole ? end - begin : content.npos);
    begin = whole ? end + 1 : content.size();
    if (trim(line).empty()) continue;
    // What a killed process wrote last lacks its \n and, as a rule, its closing brace.
    if (!whole && !Json::parse(line, nullptr, false).is_object()) {
      log.torn = true;
      break;
    }
    const std::string place = format("%s:%zu", source.c_str(), line_number);
    log.rows.push_back(row_of(parse_json(line, place), place));
    log.row_ends.push_back(begin);
  }
  return log;
}

MetricsLog read_metrics(const std::filesystem::path& path) {
  return parse_metrics(read_file(path), path.string());
}

std::string metrics_line(int64_t step, double wall_time, std::span<const Scalar> scalars) {
  Json record = Json::object();
  record["step"] = step;
  for (const Scalar& scalar : scalars) {
    if (scalar.name != "step" && scalar.name != "wall_time") record[std::string(scalar.name)] = number(scalar.value);
  }
  record["wall_time"] = wall_time;
  return to_line(record) + "\n";
}

void drop_metrics_after(const std::filesystem::path& path, int64_t last_step) {
  if (!std::filesystem::exists(path)) return;
  const std::string content = read_file(path);
  const MetricsLog log = parse_metrics(content, path.string());
  std::string kept;
  for (size_t i = 0; i < log.rows.size(); ++i) {
    if (log.rows[i].step > last_step) continue;
    const size_t begin = i == 0 ? 0 : log.row_ends[i - 1];
    kept.append(content, begin, log.row_ends[i] - begin);
    if (kept.back() != '\n') kept += '\n';
  }
  if (kept != content) write_file(path, kept);
}

}  // namespace hone::track
