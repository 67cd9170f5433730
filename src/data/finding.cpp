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
  all_.clear();
}

void Findings::add(Check check, std::string path, std::string message, std::string fix) {
  add_at(0, 0, check, std::move(path), std::move(message), std::move(fix));
}

void Findings::add_at(size_t offset, size_t lines, Check check, std::string path, std::string message,
                      std::string fix) {
  all_.push_back({line_ + lines, byte_ + offset, std::move(path), check, std::move(message), std::move(fix)});
}

bool Findings::has_error() const {
  return std::any_of(all_.begin(), all_.end(), is_error);
}

const Finding& Findings::first_error() const {
  const auto found = std::find_if(all_.begin(), all_.end(), is_error);
  assert(found != all_.end());
  return *found;
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
