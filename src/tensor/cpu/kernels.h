// The CPU kernels behind tensor/ops.h, as plain functions over rows. Free of libtorch and of any
// shared inline function: this header is compiled for several instruction sets.
#pragma once
#include <cstdint>

namespace hone::cpu {

/// Element type of the activations; all sums are made in fp32.
enum class Type : int { kFloat32 = 0, kBFloat16 = 1 };

/// One query head over one sequence of a packed batch. Rows lie side by side: those of q, out and their gradients
/// hold `heads` heads of `dim`, those of k and v `kv_heads`; pointers are to the first row of the batch.
struct AttentionItem {
  Type type;
  int64_t first, length;  ///< rows of the sequence
  int64_t head, heads, kv_heads, dim;
  float scale;
};

/// The numbers of one AdamW step with 8-bit moments (tensor/adamw8bit.h), rounded to fp32 as the reference does.
struct AdamW8bitStep {
  float beta1, one_less_beta1, beta2, one_less_beta2;
  float decay;        ///< 1 - lr * weight_decay
  float rate;         ///< -lr / (1 - beta1^t)
  float correction2;  ///< sqrt(1 - beta2^t)
  float epsilon;
  const float *first_map, *second_map;            ///< 256 values of the codes
  const uint8_t *first_nearest, *second_nearest;  ///< 65,536 codes, of equal steps over [-1, 1]
};

/// y[row, o] = scale · Σ_k x[row, k] w(o, k), plus bias[o] if there is one, plus what y holds with `add`.
struct RowProduct {
  Type type;       ///< of w, bias and y
  const float* x;  ///< [rows, depth]
  const void* w;   ///< w(o, k) lies at o · w_row + k, or when `turned` at k · w_row + o
  const void* bias;
  void* y;  ///< rows are y_row apart
  int64_t rows, depth, w_row, y_row;
  float scale;
  bool turned, add;
};

/// Every function works on rows [begin, end) so that the caller shares rows among threads.
/// `cols` is the length of a row, rows are contiguous unless a stride is given.
struct Kernels {
  const char* name;

  /// y = x * rstd * weight, rstd = 1/sqrt(mean(x²)+eps). weight is of the activations' type.
  void (*rms_norm)(Type type, const void* x, const void* weight, float eps, int64_t cols, void* y, float* rstd,
                   int64_t begin, int64_t end);
  /// dx += gradient of rms_norm to x; `weight_sum` (or null) += Σ_rows dy · x · rstd, fp32 [cols].
  void (*rms_norm_backward)(Type type, const void* dy, const void* x, const void* weight, const float* rstd,
                            int64_t cols, void* dx, float* weight_sum, int64_t begin, int64_t end);

  /// Rotates pairs (i, i + dim/2) of each head in place: rows are tokens, a row holds `heads` heads of
  /// `dim` and is `stride` elements after the one before. cos and sin are fp32 [positions, dim/2].
  /// `direction` is +1, or -1 for the backward pass.
  void (*rope)(Type type, void* x, const int64_t* positions, const float* cos, const float* sin, int64_t heads,
               int64_t dim, int64_t stride, float direction, int64_t begin, int64_t end);

  /// out = silu(gate) * up, over elements [begin, end).
  void (*silu_mul)(Type type, const void* gate, const void* up, void* out, int64_t begin, int64_t end);
  /// In place: gate becomes d gate and up becomes d up, from d out.
  void (*silu_mul_backward)(Type type, const void* dout, void* gate, void* up, int64_t begin, int64_t end);

  /// out = keep ? x * scale : 0 over elements [begin, end); begin must be a multiple of 128. An element
  /// is kept when its 16-bit draw is >= `threshold`. The draws of elements 128b … 128b+127 are the
  /// Philox words of counters 16b … 16b+15: word 0 of all sixteen, then word 1 of all sixteen, …
  void (*dropout)(Type type, const void* x, void* out, uint64_t key, uint64_t stream, uint32_t threshold, float scale,
                  int64_t begin, int64_t end);

  /// For each row of logits: losses[row] = logsumexp - logit[target]; correct[row] = target is the
  /// largest (first of equals); then, when `row_scale` is given, logits become (softmax - onehot) *
  /// row_scale[row].
  void (*cross_entropy)(Type type, void* logits, const int64_t* targets, const float* row_scale, int64_t cols,
                        float* losses, uint8_t* correct, int64_t begin, int64_t end);

  /// Floats of scratch for one item of the two below.
  int64_t (*attention_scratch)(int64_t length, int64_t dim, bool backward);
  /// out = softmax(q kᵀ · scale, causal) v, and the log-sum-exp of each score row [rows, heads], in blocks that
  /// stay in cache (Dao 2023): scores never exist as a whole, masked blocks are never computed.
  void (*attention_forward)(const AttentionItem& item, const void* q, const void* k, const void* v, void* out,
                            float* logsumexp, float* scratch);
  /// dq, and this query head's share of dk and dv: fp32 [rows, heads, dim], to be summed over each group.
  void (*attention_backward)(const AttentionItem& item, const void* q, const void* k, const void* v, const void* out,
                             const float* logsumexp, const void* dout, void* dq, float* dk, float* dv, float* scratch);

  /// places[i] = how many of the 15 ascending `bounds` lie below x[i] · scale (or x[i] / scale) within ±1.
  void (*quantize4)(const float* x, int64_t count, float scale, bool divide, const float* bounds, uint8_t* places);
  /// out[i] = table[code] · scale for codes first … first + count - 1, two a byte, the first in the high half.
  /// scales[0] is that of the block in which `first` lies, a block is `block` codes.
  void (*dequantize4)(Type type, const uint8_t* codes, int64_t first, int64_t count, const float* table,
                      const float* scales, int64_t block, void* out);
  /// out[i] = codes[i] · scale / 127.
  void (*dequantize8)(Type type, const int8_t* codes, float scale, int64_t count, void* out);

  /// Rows are blocks of 256 elements of a tensor of `count`, the last may be shorter; a block's moments are
  /// scales[block] · map[code]. An element whose gradient is not finite keeps its value, its moments become 0.
  void (*adamw_8bit)(const AdamW8bitStep& step, const float* gradient, float* value, uint8_t* first, uint8_t* second,
                     float* first_scales, float* second_scales, int64_t count, int64_t begin, int64_t end);

  /// Rows of `cols` uniform draws in [-bounds[row], bounds[row]), of 24 bits. Elements 64b … 64b+63 of a row are the
  /// Philox words of sixteen counters from 16 (row · ⌈cols/64⌉ + b) on, in dropout's order.
  void (*uniform)(Type type, void* out, uint64_t key, uint64_t stream, const float* bounds, int64_t cols, int64_t begin,
                  int64_t end);

  /// Outputs o from begin to end - 1 of every row. What a row gets does not depend on the others, to the bit.
  void (*row_product)(const RowProduct& product, int64_t begin, int64_t end);
};

/// The best variant this processor can run; HONE_KERNELS=portable|avx2|avx512 in the environment overrules
/// (none: see only_portable() in tensor/device.h).
const Kernels& kernels();
/// A variant by name, or null when this processor cannot run it (tests compare all that can).
const Kernels* kernels_named(const char* name);

}  // namespace hone::cpu
