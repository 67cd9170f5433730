// Weights in 4 or 8 bits: how they are made, what they are worth again, and products with them that never hold the
// whole matrix. Codes and statistics are bit for bit those of bitsandbytes 0.50 on a CPU (docs/quantisation.md).
#pragma once
#include <cstdint>
#include <string>

#include "tensor/tensor.h"

namespace hone::tensor {

enum class QuantType {
  kNf4,   ///< 16 quantiles of the normal distribution (Dettmers et al. 2023), in blocks
  kFp4,   ///< sign, two bits of exponent, one of mantissa, in blocks
  kInt8,  ///< -127 … 127, one scale a row (LLM.int8, Dettmers et al. 2022, without its treatment of activations)
};

/// "nf4", "fp4", "int8"; another name throws Error(kInput) at `place`.
QuantType quant_type_from_name(const std::string& name, const std::string& place);
const char* quant_type_name(QuantType type);

struct QuantOptions {
  QuantType type = QuantType::kNf4;
  int64_t blocksize = 64;     ///< weights that share a scale; 32, 64, … 4096 (4 bits alone)
  bool double_quant = false;  ///< scales in 8 bits, in blocks of 256, less their mean (4 bits alone)
};

/// A matrix [rows, cols] in few bits. Blocks run over the weights in row order, also past the ends of rows.
struct Quantized {
  QuantType type = QuantType::kNf4;
  int64_t rows = 0, cols = 0;
  int64_t blocksize = 64;
  at::ScalarType source = at::kFloat;  ///< type of the weights before
  Tensor codes;   ///< 4 bits: uint8 [ceil(rows·cols / 2), 1], the first of two in the high half; int8 [rows, cols]
  Tensor absmax;  ///< fp32 [blocks], or uint8 [blocks] when nested; 8 bits: fp32 [rows]
  Tensor nested_absmax;  ///< fp32 [ceil(blocks / 256)]; undefined when not nested
  float nested_offset = 0;

  bool nested() const { return nested_absmax.defined(); }
  int64_t blocks() const { return type == QuantType::kInt8 ? rows : (rows * cols + blocksize - 1) / blocksize; }
  /// Of everything above.
  int64_t bytes() const;
  c10::Device device() const { return codes.device(); }
  Quantized to(const c10::Device& device) const;
};

/// `weight` [rows, cols] fp32, bf16 or fp16. A value that is not finite throws Error(kInput) naming `name`.
Quantized quantize(const Tensor& weight, const QuantOptions& options, const std::string& name);
/// What quantize() would give, without values (libtorch's meta device).
Quantized quantized_outline(int64_t rows, int64_t cols, const QuantOptions& options);
/// Rows [row, row + count), columns [col, col + width) as a dense [count, width] in `type`: code · scale in fp32,
/// rounded once.
Tensor dequantize(const Quantized& q, int64_t row, int64_t count, int64_t col, int64_t width, at::ScalarType type);
/// All of it.
Tensor dequantize(const Quantized& q, at::ScalarType type);

/// y = x Wᵀ: x [N, cols] → [N, rows], in the type of x. W is made dense panel by panel, at most
/// kPanelBytes at a time.
Tensor matmul_transposed(const Tensor& x, const Quantized& w);
/// x W: x [N, rows] → [N, cols]; into `out`, or added to it when `accumulate`.
void matmul(const Tensor& x, const Quantized& w, Tensor& out, bool accumulate);
inline constexpr int64_t kPanelBytes = int64_t{8} << 20;

/// The 16 values of a 4-bit type in the order of their codes.
const float* codebook4(QuantType type);

namespace portable {
/// From plain libtorch operators, on any device and for any floating type.
Tensor dequantize(const Quantized& q, int64_t row, int64_t count, int64_t col, int64_t width, at::ScalarType type);
}  // namespace portable

}  // namespace hone::tensor
