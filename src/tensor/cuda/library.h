// libhone_cuda.so, opened on first need.
#pragma once
#include <string>

#include "tensor/cuda/kernels.h"

namespace hone::cuda {

/// The kernels, or null where the library is not there (built without a CUDA toolkit) or is of another build.
/// Opening it needs neither a GPU nor a driver.
const Kernels* kernels();
/// Why kernels() is null; "" when it is not.
const std::string& kernels_failure();

}  // namespace hone::cuda
