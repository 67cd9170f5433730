// For tests that need a GPU: they are skipped, with the reason, where there is none.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "tensor/device.h"

namespace hone::tensor {

/// Why no GPU can be used here, or "".
inline std::string why_no_gpu() {
  try {
    device_from_name("cuda");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace hone::tensor

#define SKIP_WITHOUT_GPU() \
  if (const std::string why = hone::tensor::why_no_gpu(); !why.empty()) GTEST_SKIP() << why
