// How much work one schema may cause before it is refused. Work is counted, not timed, so that a schema is
// accepted or refused alike on every machine.
#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"

namespace hone::generate {

struct Budget {
  int64_t left = 2'000'000;  ///< well under 100 ms
  std::string place;         ///< what is being compiled, for the message

  void spend(int64_t units) {
    left -= units;
    if (left < 0) {
      fail_input(place, "the schema is too large to be compiled: too many states or alternatives",
                 "shorten repeat counts, patterns and lists of alternatives");
    }
  }
  [[noreturn]] void refuse(std::string message, std::string remedy = "") const {
    fail_input(place, std::move(message), std::move(remedy));
  }
};

}  // namespace hone::generate
