// Where tensors live and in which type arithmetic is done. The only place that names CUDA outside
// the kernels' folder.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

namespace hone::tensor {

/// "cpu", "cuda", "cuda:1" or "auto" (a GPU when one can be used, else the CPU). Loads the CUDA half
/// of libtorch on first need; where that is not possible, "cuda" throws Error saying why. A GPU always comes
/// with its number, so that devices can be compared with those of tensors.
c10::Device device_from_name(const std::string& name);

/// True where a bf16 matrix product is faster than an fp32 one: AVX512_BF16 or AMX on x86-64, BF16 on
/// Arm, any GPU (those before compute capability 8 emulate it). Elsewhere libtorch's bf16 product is many times slower.
bool multiplies_bf16(const c10::Device& device);

/// "float32", "bfloat16", "float16" and their short forms; unknown names throw Error(kInput) at `place`.
c10::ScalarType dtype_from_name(const std::string& name, const std::string& place);
std::string dtype_name(c10::ScalarType type);
/// The same for the type of arithmetic on `device`, where "auto" is bfloat16 if multiplies_bf16(), else
/// float32. float16 on a processor throws Error(kInput): its sums overflow and nothing multiplies it fast.
c10::ScalarType compute_dtype_from_name(const std::string& name, const std::string& place, const c10::Device& device);

/// Threads for all operators (0: as many as the machine offers).
void set_threads(int threads);
int threads();

/// True when HONE_KERNELS=none in the environment: plain libtorch operators do everything, on the CPU as they do on a
/// device without kernels. It is how tests run that way through a whole training.
bool only_portable();

/// Memory of this process now (VmRSS), in bytes.
int64_t resident_bytes();
/// What this process may still take without anything being swapped out or ended: of the machine's memory or, where
/// that is less, of its control group's. 0: not known, as on a GPU.
int64_t available_memory_bytes(const c10::Device& device);
/// Highest memory so far, in bytes: of this process (VmHWM), or on a GPU of the tensors that lived there.
int64_t peak_memory_bytes(const c10::Device& device);
/// The processor's name and what of it matters here, for run records: "AMD EPYC … (2 threads, avx512, bf16)". For a
/// GPU also its name and whether it has kernels of its own.
std::string processor_summary(const c10::Device& device);

}  // namespace hone::tensor
