// The Error that a call throws, for tests that look at its parts.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace hone {

inline Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(ErrorKind::kFailure, "", "");
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace hone
