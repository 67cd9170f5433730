// Failures of the work by what ran out, for those who wait for more of it instead of giving up.
#pragma once
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace hone {

/// No space, or no quota, for what was to be written; nothing is half-written.
class DiskFull : public Error {
 public:
  DiskFull(std::string place, std::string message, std::string remedy)
      : Error(ErrorKind::kFailure, std::move(place), std::move(message), std::move(remedy)) {}
};

/// More memory was needed than the machine, or the process's limit, has.
class OutOfMemory : public Error {
 public:
  OutOfMemory(std::string place, std::string message, std::string remedy)
      : Error(ErrorKind::kFailure, std::move(place), std::move(message), std::move(remedy)) {}
};

/// The standard library's file functions say it in their own way.
inline bool is_disk_full(const std::exception& fault) {
  if (dynamic_cast<const DiskFull*>(&fault) != nullptr) return true;
  const auto* system = dynamic_cast<const std::system_error*>(&fault);
  return system != nullptr && (system->code() == std::errc::no_space_on_device ||
                               system->code() == std::errc::file_too_large || system->code().value() == EDQUOT);
}

}  // namespace hone
