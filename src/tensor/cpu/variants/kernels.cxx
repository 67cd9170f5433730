// Compiled once for each instruction set, with HONE_KERNELS naming the variant. Loops are written
// so that the compiler vectorises them; everything has internal linkage (see CMakeLists.txt).
#include "tensor/cpu/kernels.h"

#include "tensor/cpu/variants/common.h"

namespace hone::cpu {
namespace {

template <typename T>
void rms_norm_rows(const T* x, const T* weight, float eps, int64_t cols, T* y, float* rstd, int64_t begin,
                   int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* in = x + row * cols;
    T* out = y + row * cols;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < cols; ++i) sum += load(in[i]) * load(in[i]);
    const float r = 1.0f / __builtin_sqrtf(sum / static_cast<float>(cols) + eps);
    rstd[row] = r;
#pragma omp simd
    for (int64_t i = 0; i < cols; ++i) {
      T normed;  // the reference rounds to the activations' type before multiplying by the weight
      store(normed, load(in[i]) * r);
      store(out[i], load(normed) * load(weight[i]));
    }
  }
}

/// With n = x·r and g = dy·w:  dx = r·(g − n·mean(g·n)).
template <typename T>
void rms_norm_backward_rows(const T* dy, const T* x, const T* weight, const float* rstd, int64_t cols, T* dx,
                            float* weight_sum, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* g = dy + row * cols;
    const T* in = x + row * cols;
    T* out = dx + row * cols;
    const float r = rstd[row];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < cols; ++i) dot += load(g[i]) * load(weight[i]) * load(in[i]);
    const float c = dot * r * r * r / static_cast<float>(cols);
#pragma omp simd
    for (int64_t i = 0; i < cols; ++i) {
      store(out[i], load(out[i]) + load(g[i]) * load(weight[i]) * r - load(in[i]) * c);
    }
    if (weight_sum != nullptr) {
#pragma omp simd
      for (int64_t i = 0; i < cols; ++i) weight_sum[i] += load(g[i]) * load(in[i]) * r;
    }
  }
}

template <typename T>
void rope_rows(T* x, const int64_t* positions, const float* cos, const float* sin, int64_t heads, int64_t dim,
               int64_t stride, float direction, int64_t begin, int64_t end) {
  const int64_t half = dim / 2;
  for (int64_t row = begin; row < end; ++row) {
    const float* c = cos + positions[row] * half;
    const float* s = sin + positions[row] * half;
    for (int64_t head = 0; head < heads; ++head) {
      T* first = x + row * stride + head * dim;
      T* second = first + half;
#pragma omp simd
      for (int64_t i = 0; i < half; ++i) {
        const float a = load(first[i]), b = load(second[i]), turn = s[i] * direction;
        store(first[i], a * c[i] - b * turn);
        store(second[i], b * c[i] + a * turn);
      }
    }
  }
}

template <typename T>
void silu_mul_range(const T* gate, const T* up, T* out, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float g = load(gate[i]);
    store(out[i], g * sigmoid(g) * load(up[i]));
  }
}

template <typename T>
void silu_mul_backward_range(const T* dout, T* gate, T* up, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float d = load(dout[i]), g = load(gate[i]), u = load(up[i]), s = sigmoid(g);
    store(gate[i], d * u * s * (1.0f + g * (1.0f - s)));
    store(up[i], d * g * s);
  }
}

/// Philox4x32-10 (see base/random.h) on sixteen counters side by side, so that it vectorises:
/// lane l has counter (first + l, 0, stream).
constexpr int kLanes = 16;
inline void philox_lanes(uint64_t first, uint64_t stream, uint64_t key, uint32_t (&out)[4][kLanes]) {
  uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    const uint64_t counter = first + static_cast<uint64_t>(l);
    c0[l] = static_cast<uint32_t>(counter);
    c1[l] = static_cast<uint32_t>(counter >> 32);
    c2[l] = static_cast<uint32_t>(stream);
    c3[l] = static_cast<uint32_t>(stream >> 32);
  }
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const uint64_t a = uint64_t{0xD2511F53} * c0[l], b = uint64_t{0xCD9E8D57} * c2[l];
      const uint32_t n0 = static_cast<uint32_t>(b >> 32) ^ c1[l] ^ k0, n2 = static_cast<uint32_t>(a >> 32) ^ c3[l] ^ k1;
      c1[l] = static_cast<uint32_t>(b);
      c3[l] = static_cast<uint32_t>(a);
      c0[l] = n0;
      c2[l] = n2;
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  for (int l = 0; l < kLanes; ++l) out[0][l] = c0[l], out[1][l] = c1[l], out[2][l] = c2[l], out[3][l] = c3[l];
}

/// Elements come in blocks of 128, drawn from the sixteen counters starting at block/8; element i of a
/// block takes the i-th 16-bit piece of the 4 x 16 words, so that the comparison runs over plain arrays.
template <typename T>
void dropout_range(const T* x, T* out, uint64_t key, uint64_t stream, uint32_t threshold, float scale, int64_t begin,
                   int64_t end) {
  for (int64_t block = begin; block < end; block += 8 * kLanes) {
    uint32_t words[4][kLanes];
    philox_lanes(static_cast<uint64_t>(block) / 8, stream, key, words);
    uint16_t draws[8 * kLanes];
    __builtin_memcpy(draws, words, sizeof draws);
    const int64_t stop = end - block < 8 * kLanes ? end - block : 8 * kLanes;
#pragma omp simd
    for (int64_t i = 0; i < stop; ++i) {
      store(out[block + i], draws[i] >= threshold ? load(x[block + i]) * scale : 0.0f);
    }
  }
}

/// Elements of a row come in blocks of 64, drawn from sixteen counters: word w of lane l is element 16w + l.
template <typename T>
void uniform_rows(T* out, uint64_t key, uint64_t stream, const float* bounds, int64_t cols, int64_t begin,
                  int64_t end) {
  const int64_t blocks = (cols + 4 * kLanes - 1) / (4 * kLanes);
  for (int64_t row = begin; row < end; ++row) {
    const float bound = bounds[row];
    for (int64_t block = 0; block < blocks; ++block) {
      uint32_t words[4][kLanes];
      philox_lanes(static_cast<uint64_t>((row * blocks + block) * kLanes), stream, key, words);
      uint32_t draws[4 * kLanes];
      __builtin_memcpy(draws, words, sizeof draws);
      T* to = out + row * cols + block * 4 * kLanes;
      const int64_t left = cols - block * 4 * kLanes, stop = left < 4 * kLanes ? left : 4 * kLanes;
#pragma omp simd
      for (int64_t i = 0; i < stop; ++i) {
        const auto whole = static_cast<float>(static_cast<int32_t>(draws[i] >> 8));  // 24 bits, exact
        store(to[i], bound * (whole * 0x1p-23f - 1.0f));
      }
    }
  }
}

template <typename T>
void cross_entropy_rows(T* logits, const int64_t* targets, const float* row_scale, int64_t cols, float* losses,
                        uint8_t* correct, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    T* l = logits + row * cols;
    const int64_t target = targets[row];
    float largest = -__builtin_inff();
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < cols; ++i) largest = load(l[i]) > largest ? load(l[i]) : largest;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < cols; ++i) sum += exp_fast(load(l[i]) - largest);
    const float at_target = load(l[target]);
    const float log_sum = largest + __builtin_logf(sum);
    losses[row] = log_sum - at_target;
    bool first_largest = at_target == largest;
    for (int64_t i = 0; first_largest && i < target; ++i) first_largest = load(l[i]) != largest;
    correct[row] = first_largest;
    if (row_scale == nullptr) continue;
    const float scale = row_scale[row];
#pragma omp simd
    for (int64_t i = 0; i < cols; ++i) store(l[i], exp_fast(load(l[i]) - log_sum) * scale);
    store(l[target], (exp_fast(at_target - log_sum) - 1.0f) * scale);
  }
}

// One wrapper a function: the run-time type chooses the instantiation.
#define BY_TYPE(call)           \
  if (type == Type::kFloat32) { \
    using T = float;            \
    call;                       \
  } else {                      \
    using T = BFloat16;         \
    call;                       \
  }

void rms_norm(Type type, const void* x, const void* weight, float eps, int64_t cols, void* y, float* rstd,
              int64_t begin, int64_t end) {
  BY_TYPE(rms_norm_rows((const T*)x, (const T*)weight, eps, cols, (T*)y, rstd, begin, end))
}
void rms_norm_backward(Type type, const void* dy, const void* x, const void* weight, const float* rstd, int64_t cols,
                       void* dx, float* weight_sum, int64_t begin, int64_t end) {
  BY_TYPE(
      rms_norm_backward_rows((const T*)dy, (const T*)x, (const T*)weight, rstd, cols, (T*)dx, weight_sum, begin, end))
}
void rope(Type type, void* x, const int64_t* positions, const float* cos, const float* sin, int64_t heads, int64_t dim,
          int64_t stride, float direction, int64_t begin, int64_t end) {
  BY_TYPE(rope_rows((T*)x, positions, cos, sin, heads, dim, stride, direction, begin, end))
}
void silu_mul(Type type, const void* gate, const void* up, void* out, int64_t begin, int64_t end) {
  BY_TYPE(silu_mul_range((const T*)gate, (const T*)up, (T*)out, begin, end))
}
void silu_mul_backward(Type type, const void* dout, void* gate, void* up, int64_t begin, int64_t end) {
  BY_TYPE(silu_mul_backward_range((const T*)dout, (T*)gate, (T*)up, begin, end))
}
void dropout(Type type, const void* x, void* out, uint64_t key, uint64_t stream, uint32_t threshold, float scale,
             int64_t begin, int64_t end) {
  BY_TYPE(dropout_range((const T*)x, (T*)out, key, stream, threshold, scale, begin, end))
}
void uniform(Type type, void* out, uint64_t key, uint64_t stream, const float* bounds, int64_t cols, int64_t begin,
             int64_t end) {
  BY_TYPE(uniform_rows((T*)out, key, stream, bounds, cols, begin, end))
}
void cross_entropy(Type type, void* logits, const int64_t* targets, const float* row_scale, int64_t cols, float* losses,
                   uint8_t* correct, int64_t begin, int64_t end) {
  BY_TYPE(cross_entropy_rows((T*)logits, targets, row_scale, cols, losses, correct, begin, end))
}

}  // namespace

#define NAME_OF2(variant) #variant
#define NAME_OF(variant) NAME_OF2(variant)
extern const Kernels HONE_VARIANT(kernels);
const Kernels HONE_VARIANT(kernels) = {NAME_OF(HONE_KERNELS),
                                       rms_norm,
                                       rms_norm_backward,
                                       rope,
                                       silu_mul,
                                       silu_mul_backward,
                                       dropout,
                                       cross_entropy,
                                       HONE_VARIANT(attention_scratch),
                                       HONE_VARIANT(attention_forward),
                                       HONE_VARIANT(attention_backward),
                                       HONE_VARIANT(quantize4),
                                       HONE_VARIANT(dequantize4),
                                       HONE_VARIANT(dequantize8),
                                       HONE_VARIANT(adamw_8bit),
                                       uniform,
                                       HONE_VARIANT(row_product)};

}  // namespace hone::cpu
