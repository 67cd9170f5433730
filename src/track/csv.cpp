// Tracker "csv": metrics.csv with the columns step, wall_time, name, value, one scalar a line. The long
// form stays right when a scalar such as eval_loss appears only at some steps. RFC 4180, LF line ends.
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "track/append_file.h"
#include "track/tracker.h"

namespace hone::track {
namespace {

constexpr std::string_view kHeader = "step,wall_time,name,value\n";

std::string quoted(std::string_view field) {
  if (field.find_first_of(",\"\r\n") == field.npos) return std::string(field);
  std::string out = "\"";
  for (const char byte : field) {
    if (byte == '"') out += '"';
    // A line break would make the file unreadable line by line, which resuming relies on.
    out += byte == '\n' || byte == '\r' ? ' ' : byte;
  }
  return out + '"';
}

/// The shortest text that reads back as the same number.
std::string shortest(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

/// The whole lines of `content` up to `last_step` (or all); a torn last line goes.
std::string kept_lines(std::string_view content, std::optional<int64_t> last_step, const std::string& place) {
  if (content.substr(0, kHeader.size()) != kHeader) {
    if (kHeader.starts_with(content)) return std::string(kHeader);  // empty, or torn within the header
    fail_input(place, "does not begin with the columns step,wall_time,name,value",
               "it was not written by this tracker; move it away");
  }
  std::string kept(kHeader);
  content.remove_prefix(kHeader.size());
  for (size_t end; (end = content.find('\n')) != content.npos; content.remove_prefix(end + 1)) {
    int64_t step = 0;
    const bool numbered = std::from_chars(content.data(), content.data() + end, step).ec == std::errc();
    if (numbered && (!last_step || step <= *last_step)) kept += content.substr(0, end + 1);
  }
  return kept;
}

class CsvTracker : public Tracker {
 public:
  explicit CsvTracker(const TrackerOptions& options) : file_(repaired(options)) {}

  void log_scalars(int64_t step, double wall_time, std::span<const Scalar> scalars) override {
    std::string lines;
    const std::string begin = format("%lld,%.6f,", static_cast<long long>(step), wall_time);
    for (const Scalar& scalar : scalars) lines += begin + quoted(scalar.name) + ',' + shortest(scalar.value) + '\n';
    file_.append(lines);
  }

  void flush() override { file_.sync(); }

 private:
  static std::filesystem::path repaired(const TrackerOptions& options) {
    std::filesystem::path path = options.folder / "metrics.csv";
    const bool exists = std::filesystem::exists(path);
    const std::string content = exists ? read_file(path) : std::string();
    const std::string kept = kept_lines(content, options.resume_after_step, path.string());
    if (kept == content) return path;
    std::filesystem::create_directories(options.folder);
    write_file(path, kept);
    return path;
  }

  AppendFile file_;
};

}  // namespace

void register_csv(Registry<TrackerMaker>& registry) {
  registry.add({"csv", "metrics.csv, one scalar a line, for spreadsheets",
                [](const TrackerOptions& options) -> std::unique_ptr<Tracker> {
                  return std::make_unique<CsvTracker>(options);
                }});
}

}  // namespace hone::track
