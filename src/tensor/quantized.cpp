#include "tensor/quantized.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/round.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "tensor/cpu/operands.h"
#include "tensor/dynamic_map.h"
#include "tensor/parallel.h"

namespace hone::tensor {
namespace {

constexpr int64_t kChunk = 1 << 20;                    // weights that are quantised at a time
constexpr double kOverLargest = 7.874015718698502e-3;  // 1 / 127, as the reference writes it

constexpr float kNf4[16] = {-1.0f,
                            -0.6961928009986877f,
                            -0.5250730514526367f,
                            -0.39491748809814453f,
                            -0.28444138169288635f,
                            -0.18477343022823334f,
                            -0.09105003625154495f,
                            0.0f,
                            0.07958029955625534f,
                            0.16093020141124725f,
                            0.24611230194568634f,
                            0.33791524171829224f,
                            0.44070982933044434f,
                            0.5626170039176941f,
                            0.7229568362236023f,
                            1.0f};
/// By code: a bit of sign, two of exponent (bias 2), one of mantissa, over the largest, which is 12.
constexpr float kFp4[16] = {0.0f, 0.0625f / 12,  8.0f / 12,  1.0f,  4.0f / 12,  0.5f,  2.0f / 12,  0.25f,
                            0.0f, -0.0625f / 12, -8.0f / 12, -1.0f, -4.0f / 12, -0.5f, -2.0f / 12, -0.25f};
/// Codes in the order of their values; of the two zeros that with the code 0 comes first.
constexpr uint8_t kNf4Order[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr uint8_t kFp4Order[16] = {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3};

const uint8_t* order_of(QuantType type) {
  return type == QuantType::kNf4 ? kNf4Order : kFp4Order;
}

/// Half-way between neighbours; a value on a bound belongs below it.
std::array<float, 15> bounds_of(QuantType type) {
  const float* values = codebook4(type);
  const uint8_t* order = order_of(type);
  std::array<float, 15> bounds{};
  for (size_t i = 0; i < bounds.size(); ++i) bounds[i] = (values[order[i]] + values[order[i + 1]]) / 2;
  return bounds;
}

/// One block: its scale, and its codes' places among the values. NaN where a weight is not finite.
float quantize_block(const float* x, int64_t count, bool whole, const std::array<float, 15>& bounds, uint8_t* places) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) {
    const float size = std::fabs(x[i]);
    largest = std::max(largest, size);
    finite &= size <= std::numeric_limits<float>::max();
  }
  if (!finite) return std::numeric_limits<float>::quiet_NaN();
  // The reference multiplies whole blocks by the inverse and divides the last, shorter one; it raises that one's
  // stored scale too.
  const float divisor = std::max(largest, 1e-38f);
  cpu::kernels().quantize4(x, count, whole ? 1.0f / divisor : divisor, !whole, bounds.data(), places);
  return whole ? largest : divisor;
}

/// The nearest value of the dynamic codebook for x in ±1, found as the reference does: through a table over 65,536
/// places of that range. Its compiler fuses the last product and sum, hence fma.
uint8_t dynamic_code(float x) {
  const NearestCodes& table = nearest_codes(true);
  if (std::isnan(x)) return table.front();  // 0 over the inverse of a denormal scale
  const float within = std::clamp(x, -1.0f, 1.0f);
  return table[static_cast<size_t>(std::fma((within + 1.0f) * 0.5f, 65535.0f, 0.5f))];
}

/// Scales in 8 bits less their mean; `q.absmax` is replaced.
void quantize_scales(Quantized& q) {
  const Tensor mean = q.absmax.mean();
  q.nested_offset = mean.item<float>();
  const Tensor centred = q.absmax - mean;
  const int64_t count = centred.numel(), blocks = (count + kEightBitBlock - 1) / kEightBitBlock;
  Tensor codes = at::empty({count}, at::TensorOptions().dtype(at::kByte));
  q.nested_absmax = at::empty({blocks}, at::TensorOptions().dtype(at::kFloat));
  const auto* x = centred.const_data_ptr<float>();
  auto* to = codes.mutable_data_ptr<uint8_t>();
  auto* scales = q.nested_absmax.mutable_data_ptr<float>();
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = block * kEightBitBlock, end = std::min(count, begin + kEightBitBlock);
    float largest = 0;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, std::fabs(x[i]));
    scales[block] = largest;
    const float inverse = 1.0f / largest;
    for (int64_t i = begin; i < end; ++i) to[i] = largest == 0 ? 0 : dynamic_code(x[i] * inverse);
  }
  q.absmax = codes;
}

/// Blocks [begin, end) of weights whose first is at `x`.
void quantize_blocks(const float* x, int64_t count, int64_t begin, int64_t end, Quantized& q) {
  static const std::array<float, 15> kBounds[] = {bounds_of(QuantType::kNf4), bounds_of(QuantType::kFp4)};
  const auto& bounds = kBounds[q.type == QuantType::kNf4 ? 0 : 1];
  const uint8_t* order = order_of(q.type);
  auto* codes = q.codes.mutable_data_ptr<uint8_t>();
  auto* scales = q.absmax.mutable_data_ptr<float>();
  std::vector<uint8_t> places(static_cast<size_t>(q.blocksize) + 1);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * q.blocksize, size = std::min(q.blocksize, count - first);
    scales[block] = quantize_block(x + (block - begin) * q.blocksize, size, size == q.blocksize, bounds, places.data());
    if (size % 2 == 1) {  // the last code of an odd number of weights stands for 0
      const float zero = 0;
      cpu::kernels().quantize4(&zero, 1, 1, false, bounds.data(), places.data() + size);
    }
    for (int64_t i = 0; i < size; i += 2) {
      const auto at = static_cast<size_t>(i);
      codes[(first + i) / 2] = static_cast<uint8_t>(order[places[at]] << 4 | order[places[at + 1]]);
    }
  }
}

/// Codes and scales of such a matrix, not filled.
Quantized room_for(int64_t rows, int64_t cols, const QuantOptions& options, const c10::Device& device) {
  const bool eight = options.type == QuantType::kInt8;
  Quantized q{.type = options.type, .rows = rows, .cols = cols, .blocksize = eight ? cols : options.blocksize};
  const at::TensorOptions there = at::TensorOptions().device(device);
  q.codes = eight ? at::empty({rows, cols}, there.dtype(at::kChar))
                  : at::empty({(rows * cols + 1) / 2, 1}, there.dtype(at::kByte));
  q.absmax = at::empty({q.blocks()}, there.dtype(at::kFloat));
  return q;
}

void quantize4(const Tensor& weight, Quantized& q) {
  const Tensor flat = weight.contiguous().view(-1);
  const int64_t count = flat.numel(), blocks = q.blocks();
  const int64_t step = kChunk / q.blocksize;  // never all weights in fp32 at once
  for (int64_t first = 0; first < blocks; first += step) {
    const int64_t last = std::min(blocks, first + step), begin = first * q.blocksize;
    const Tensor wide = flat.narrow(0, begin, std::min(count, last * q.blocksize) - begin).to(at::kFloat);
    const auto* x = wide.const_data_ptr<float>();
    parallel_rows(last - first, 256, [&](int64_t from, int64_t to) {
      quantize_blocks(x + from * q.blocksize, count, first + from, first + to, q);
    });
  }
}

/// Through fp16, as the reference does.
void quantize8(const Tensor& weight, Quantized& q) {
  const int64_t step = std::max<int64_t>(1, kChunk / q.cols);
  for (int64_t row = 0; row < q.rows; row += step) {
    const int64_t count = std::min(step, q.rows - row);
    const Tensor half = weight.narrow(0, row, count).to(at::kHalf);
    const Tensor largest = std::get<0>(half.abs().max(1)).to(at::kFloat);
    q.absmax.narrow(0, row, count).copy_(largest);
    q.codes.narrow(0, row, count).copy_(at::round(half * (largest.reciprocal() * 127.0).unsqueeze(-1)).to(at::kChar));
  }
}

/// The scales of blocks first … first + count - 1 in fp32.
void decode_scales(const Quantized& q, int64_t first, int64_t count, float* to) {
  if (!q.nested()) {
    const auto* scales = q.absmax.const_data_ptr<float>() + first;
    std::copy(scales, scales + count, to);
    return;
  }
  const auto* codes = q.absmax.const_data_ptr<uint8_t>();
  const auto* scales = q.nested_absmax.const_data_ptr<float>();
  const auto& values = dynamic_map(true);
  for (int64_t i = 0; i < count; ++i) {
    const float centred = values[codes[first + i]] * scales[(first + i) / kEightBitBlock];
    to[i] = centred + q.nested_offset;
  }
}

bool has_kernel(const Quantized& q, at::ScalarType type) {
  return q.device().is_cpu() && !only_portable() && (type == at::kFloat || type == at::kBFloat16);
}

void dequantize_rows(const Quantized& q, int64_t row, int64_t count, int64_t col, int64_t width, Tensor& out) {
  const cpu::Kernels& kernels = cpu::kernels();
  const cpu::Type type = type_of(out);
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const int64_t row_bytes = width * out.element_size();
  const auto* codes = static_cast<const uint8_t*>(q.codes.const_data_ptr());
  const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 16) / std::max<int64_t>(1, width));
  parallel_rows(count, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scales(static_cast<size_t>(width / q.blocksize + 2));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = (row + i) * q.cols + col;
      if (q.type == QuantType::kInt8) {
        const float scale = q.absmax.const_data_ptr<float>()[row + i];
        kernels.dequantize8(type, reinterpret_cast<const int8_t*>(codes) + first, scale, width, to + i * row_bytes);
        continue;
      }
      const int64_t block = first / q.blocksize, last = (first + width - 1) / q.blocksize;
      decode_scales(q, block, last - block + 1, scales.data());
      kernels.dequantize4(type, codes, first, width, codebook4(q.type), scales.data(), q.blocksize, to + i * row_bytes);
    }
  });
}

/// How many rows of `width` fit into a panel.
int64_t panel_rows(int64_t width, int64_t element_size) {
  return std::max<int64_t>(1, kPanelBytes / std::max<int64_t>(1, width * element_size));
}

}  // namespace

QuantType quant_type_from_name(const std::string& name, const std::string& place) {
  for (const QuantType type : {QuantType::kNf4, QuantType::kFp4, QuantType::kInt8}) {
    if (name == quant_type_name(type)) return type;
  }
  fail_input(place, "\"" + name + "\" is not a type of quantised weights;" +
                        did_you_mean(name, {"nf4", "fp4", "int8"}) + " known: nf4, fp4, int8");
}

const char* quant_type_name(QuantType type) {
  return type == QuantType::kNf4 ? "nf4" : type == QuantType::kFp4 ? "fp4" : "int8";
}

const float* codebook4(QuantType type) {
  return type == QuantType::kNf4 ? kNf4 : kFp4;
}

int64_t Quantized::bytes() const {
  int64_t sum = 0;
  for (const Tensor& part : {codes, absmax, nested_absmax}) {
    if (part.defined()) sum += static_cast<int64_t>(part.nbytes());
  }
  return sum;
}

Quantized Quantized::to(const c10::Device& device) const {
  Quantized moved = *this;
  for (Tensor* part : {&moved.codes, &moved.absmax, &moved.nested_absmax}) {
    if (part->defined()) *part = part->to(device);
  }
  return moved;
}

Quantized quantized_outline(int64_t rows, int64_t cols, const QuantOptions& options) {
  const c10::Device nowhere(c10::kMeta);
  Quantized q = room_for(rows, cols, options, nowhere);
  if (!options.double_quant || q.type == QuantType::kInt8) return q;
  q.absmax = q.absmax.to(at::kByte);
  q.nested_absmax = at::empty({(q.blocks() + kEightBitBlock - 1) / kEightBitBlock},
                              at::TensorOptions().dtype(at::kFloat).device(nowhere));
  return q;
}

Quantized quantize(const Tensor& weight, const QuantOptions& options, const std::string& name) {
  Quantized q = room_for(weight.size(0), weight.size(1), options, c10::Device(c10::kCPU));
  q.source = weight.scalar_type();
  const Tensor here = weight.detach().cpu();
  if (options.type == QuantType::kInt8)
    quantize8(here, q);
  else
    quantize4(here, q);
  if (!at::isfinite(q.absmax).all().item<bool>()) {
    fail_input(name, "holds a weight that is not finite" + std::string(q.type == QuantType::kInt8 ? " in fp16" : ""),
               "repair the checkpoint, or leave this module unquantised");
  }
  if (options.double_quant && q.type != QuantType::kInt8) quantize_scales(q);
  return q.to(weight.device());
}

Tensor dequantize(const Quantized& q, int64_t row, int64_t count, int64_t col, int64_t width, at::ScalarType type) {
  if (!has_kernel(q, type)) return portable::dequantize(q, row, count, col, width, type);
  Tensor out = at::empty({count, width}, at::TensorOptions().dtype(type));
  dequantize_rows(q, row, count, col, width, out);
  return out;
}

Tensor dequantize(const Quantized& q, at::ScalarType type) {
  return dequantize(q, 0, q.rows, 0, q.cols, type);
}

Tensor matmul_transposed(const Tensor& x, const Quantized& w) {
  Tensor y = at::empty({x.size(0), w.rows}, x.options());
  const int64_t step = panel_rows(w.cols, x.element_size());
  for (int64_t row = 0; row < w.rows; row += step) {
    const int64_t count = std::min(step, w.rows - row);
    Tensor part = y.narrow(1, row, count);
    at::mm_out(part, x, dequantize(w, row, count, 0, w.cols, x.scalar_type()).t());
  }
  return y;
}

void matmul(const Tensor& x, const Quantized& w, Tensor& out, bool accumulate) {
  // Panels of columns, so that each sum over all rows is made in one product: in bf16 a sum made in parts would be
  // rounded after each.
  if (!accumulate) out = at::empty({x.size(0), w.cols}, x.options());
  const int64_t step = panel_rows(w.rows, x.element_size());
  for (int64_t col = 0; col < w.cols; col += step) {
    const int64_t width = std::min(step, w.cols - col);
    const Tensor panel = dequantize(w, 0, w.rows, col, width, x.scalar_type());
    Tensor part = out.narrow(1, col, width);
    if (accumulate)
      part.addmm_(x, panel);
    else
      at::mm_out(part, x, panel);
  }
}

Tensor portable::dequantize(const Quantized& q, int64_t row, int64_t count, int64_t col, int64_t width,
                            at::ScalarType type) {
  const at::ScalarType wide = type == at::kDouble ? at::kDouble : at::kFloat;
  if (q.type == QuantType::kInt8) {
    const Tensor codes = q.codes.narrow(0, row, count).narrow(1, col, width).to(at::kFloat);
    return codes.mul(q.absmax.narrow(0, row, count).unsqueeze(-1)).mul(kOverLargest).to(type);
  }
  const auto options = at::TensorOptions().dtype(at::kLong).device(q.device());
  const Tensor places = at::arange(row, row + count, options).mul(q.cols).unsqueeze(-1) +
                        at::arange(col, col + width, options);  // [count, width]
  const Tensor pairs = q.codes.view(-1).index_select(0, places.div(2, "floor").view(-1)).to(at::kInt);
  const Tensor odd = places.view(-1).remainder(2).to(at::kBool);
  const Tensor codes = at::where(odd, pairs.bitwise_and(15), pairs.div(16, "floor"));
  const auto table = [&](const float* values, int64_t size) {
    return at::from_blob(const_cast<float*>(values), {size}, at::TensorOptions().dtype(at::kFloat)).to(q.device());
  };
  const Tensor blocks = places.view(-1).div(q.blocksize, "floor");
  Tensor scales = q.absmax.index_select(0, blocks);
  if (q.nested()) {
    scales = table(dynamic_map(true).data(), 256).index_select(0, scales.to(at::kLong)) *
                 q.nested_absmax.index_select(0, blocks.div(kEightBitBlock, "floor")) +
             q.nested_offset;
  }
  const Tensor values = table(codebook4(q.type), 16).index_select(0, codes.to(at::kLong));
  return (values * scales).view({count, width}).to(wide).to(type);
}

}  // namespace hone::tensor
