// The CUDA kernels behind tensor/ops.h, as plain functions that launch on a stream. They are compiled
// by nvcc into libhone_cuda.so, which cuda/library.cpp opens when a GPU is used: the program itself
// neither links to CUDA nor needs it. Free of libtorch, as cpu/kernels.h is.
#pragma once
#include <cstdint>

namespace hone::cuda {

/// Element type of the activations; all sums are made in fp32.
enum class Type : int { kFloat32 = 0, kBFloat16 = 1, kFloat16 = 2 };

/// Raised whenever Kernels changes, so that a library of another build is refused instead of called.
constexpr int kKernelsVersion = 1;

/// Parts into which rms_norm_weight_gradient cuts the rows. Fixed, so that its sums are made in the same order on
/// every GPU.
constexpr int64_t kWeightParts = 64;

/// Pointers are to device memory of the current device, `stream` is a cudaStream_t. Rows are contiguous
/// and `cols` long unless a stride is given. Launches are asynchronous; what is returned is the
/// cudaError_t of the launch, 0 when all is well. No kernel uses atomics: results repeat bit by bit.
struct Kernels {
  int version;

  /// y = x · rstd · weight, rstd = 1/√(mean(x²) + eps).
  int (*rms_norm)(Type type, const void* x, const void* weight, float eps, int64_t rows, int64_t cols, void* y,
                  float* rstd, void* stream);
  /// dx += gradient of rms_norm to x.
  int (*rms_norm_backward)(Type type, const void* dy, const void* x, const void* weight, const float* rstd,
                           int64_t rows, int64_t cols, void* dx, void* stream);
  /// partial[p] = Σ dy · x · rstd over the rows of part p; partial is fp32 [kWeightParts, cols], all of it written.
  int (*rms_norm_weight_gradient)(Type type, const void* dy, const void* x, const float* rstd, int64_t rows,
                                  int64_t cols, float* partial, void* stream);

  /// Rotates pairs (i, i + dim/2) of each head in place: a row holds `heads` heads of `dim` and is `stride`
  /// elements after the one before. cos and sin are fp32 [positions, dim/2]. `direction` is +1, or -1
  /// for the backward pass.
  int (*rope)(Type type, void* x, const int64_t* positions, const float* cos, const float* sin, int64_t rows,
              int64_t heads, int64_t dim, int64_t stride, float direction, void* stream);

  /// out = silu(gate) · up.
  int (*silu_mul)(Type type, const void* gate, const void* up, void* out, int64_t count, void* stream);
  /// In place: gate becomes d gate and up becomes d up, from d out.
  int (*silu_mul_backward)(Type type, const void* dout, void* gate, void* up, int64_t count, void* stream);

  /// out = keep ? x · scale : 0, with the draws of cpu::Kernels::dropout.
  int (*dropout)(Type type, const void* x, void* out, uint64_t key, uint64_t stream_id, uint32_t threshold, float scale,
                 int64_t count, void* stream);

  /// For each row of logits: losses[row] = logsumexp - logit[target]; correct[row] = target is the first
  /// largest; then, when `row_scale` is given, logits become (softmax - onehot) · row_scale[row].
  int (*cross_entropy)(Type type, void* logits, const int64_t* targets, const float* row_scale, int64_t rows,
                       int64_t cols, float* losses, uint8_t* correct, void* stream);

  /// Writes the name of GPU number `device` into `name`, ended by a 0.
  int (*device_name)(int device, char* name, int64_t size);
  /// What a returned number means, for messages.
  const char* (*error_text)(int error);
};

}  // namespace hone::cuda

/// The one symbol of libhone_cuda.so that is looked up by name.
extern "C" const hone::cuda::Kernels* hone_cuda_kernels();
