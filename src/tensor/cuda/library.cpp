#include "tensor/cuda/library.h"

#include <dlfcn.h>

namespace hone::cuda {
namespace {

struct Opened {
  const Kernels* kernels = nullptr;
  std::string failure;
};

/// Looked for where the program lies (its run path says so), then where the system keeps libraries.
Opened open_library() {
  void* library = ::dlopen("libhone_cuda.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {nullptr, ::dlerror()};
  using Table = const Kernels* (*)();
  const auto table = reinterpret_cast<Table>(::dlsym(library, "hone_cuda_kernels"));
  if (table == nullptr || table()->version != kKernelsVersion) {
    return {nullptr, "libhone_cuda.so belongs to another build of hone"};
  }
  return {table(), ""};
}

const Opened& opened() {
  static const Opened once = open_library();
  return once;
}

}  // namespace

const Kernels* kernels() {
  return opened().kernels;
}

const std::string& kernels_failure() {
  return opened().failure;
}

}  // namespace hone::cuda
