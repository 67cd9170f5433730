#include "data/finding.h"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hone::data {
namespace {

constexpr CheckInfo kChecks[] = {
#define CHECK(name, severity, summary) {Check::name, #name, Severity::severity, summary},
#include "data/checks.def"
#undef CHECK
};

constexpr size_t kMostOfOneRow = 1000;

bool is_error(const Finding& finding) {
  return finding.severity() == Severity::kError;
}

}  // namespace

std::span<const CheckInfo> all_checks() {
  return kChecks;
}

const CheckInfo& info(Check check) {
  return kChecks[static_cast<size_t>(check)];
}

const char* severity_name(Severity severity) {
  return severity == Severity::kError ? "error" : "warning";
}

void Findings::start_row(uint64_t line, uint64_t byte) {
  line_ = line;
  byte_ = byte;
  has_error_ = false;
  all_.clear();
}

void Findings::add(Check check, std::string path, std::string message, std::string fix) {
  add_at(0, 0, check, std::move(path), std::move(message), std::move(fix));
}

void Findings::add_at(size_t offset, size_t lines, Check check, std::string path, std::string message,
                      std::string fix) {
  const bool error = info(check).severity == Severity::kError;
  // Of a row that has an error it is settled that it is left out.
  if (all_.size() >= kMostOfOneRow && (has_error_ || !error)) return;
  has_error_ = has_error_ || error;
  all_.push_back({line_ + lines, byte_ + offset, std::move(path), check, std::move(message), std::move(fix)});
}

const Finding& Findings::first_error() const {
  const auto found = std::find_if(all_.begin(), all_.end(), is_error);
  assert(found != all_.end());
  return *found;
}

std::string message_without_content(const Finding& finding) {
  switch (finding.check) {
    case Check::invalid_json:
    case Check::invalid_utf8:
    case Check::nul_character:
    case Check::unknown_role:
    case Check::unsupported_part:
    case Check::invalid_weight: return info(finding.check).summary;
    default: return finding.message;
  }
}

Json to_json(const Finding& finding) {
  return {{"line", finding.line},
          {"byte", finding.byte},
          {"path", finding.path},
          {"check", info(finding.check).name},
          {"severity", severity_name(finding.severity())},
          {"message", finding.message},
          {"fix", finding.fix}};
}

std::string place(const Finding& finding, const std::string& file) {
  std::string text = file;
  if (finding.line > 0) text += format(":%llu", static_cast<unsigned long long>(finding.line));
  return finding.path.empty() ? text : text + ": " + finding.path;
}

std::string describe(const Finding& finding, const std::string& file) {
  return place(finding, file) + ": " + finding.message;
}

}  // namespace hone::data
