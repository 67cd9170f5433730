#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "tensor/cpu/kernels.h"

namespace hone::cpu {

extern const Kernels kernels_portable;
#ifdef HONE_KERNELS_X86
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

const Kernels* kernels_named(const char* name) {
#ifdef HONE_KERNELS_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (std::strcmp(name, "avx512") == 0) return avx512 ? &kernels_avx512 : nullptr;
  if (std::strcmp(name, "avx2") == 0) return avx2 ? &kernels_avx2 : nullptr;
#endif
  return std::strcmp(name, "portable") == 0 ? &kernels_portable : nullptr;
}

const Kernels& kernels() {
  static const Kernels& chosen = [&]() -> const Kernels& {
    if (const char* wanted = std::getenv("HONE_KERNELS")) {
      if (const Kernels* found = kernels_named(wanted)) return *found;
    }
    for (const char* name : {"avx512", "avx2"}) {
      if (const Kernels* found = kernels_named(name)) return *found;
    }
    return kernels_portable;
  }();
  return chosen;
}

}  // namespace hone::cpu
