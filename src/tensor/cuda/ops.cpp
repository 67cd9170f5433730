#include "tensor/cuda/ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/error.h"
#include "tensor/cuda/library.h"
#include "tensor/device.h"

namespace hone::tensor::gpu {
namespace {

using Type = hone::cuda::Type;

const hone::cuda::Kernels& kernels() {
  return *hone::cuda::kernels();
}

Type type_of(const Tensor& x) {
  return x.scalar_type() == at::kFloat      ? Type::kFloat32
         : x.scalar_type() == at::kBFloat16 ? Type::kBFloat16
                                            : Type::kFloat16;
}

/// Makes x's device the current one while it lives, as a launch wants it, and knows the stream to launch on.
class Launch {
 public:
  explicit Launch(const Tensor& x)
      : guard_(x.device()),
        stream_(c10::impl::VirtualGuardImpl(x.device().type()).getStream(x.device()).native_handle()) {}

  void* stream() const { return stream_; }
  /// Throws Error when `error`, the answer of the kernel called `name`, is not 0.
  static void check(int error, const char* name) {
    if (error == 0) return;
    fail_work(name, std::string("could not be started on the GPU: ") + kernels().error_text(error),
              "use device: cpu, or rebuild with HONE_CUDA_ARCHITECTURES naming this GPU's architecture");
  }

 private:
  c10::DeviceGuard guard_;
  void* stream_;
};

}  // namespace

bool serves_strided(const Tensor& x) {
  const auto type = x.scalar_type();
  return x.is_cuda() && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf) && !only_portable() &&
         hone::cuda::kernels() != nullptr;
}

bool serves(const Tensor& x) {
  return serves_strided(x) && x.is_contiguous();
}

std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const Launch launch(x);
  Tensor y = at::empty_like(x), rstd = at::empty({x.size(0)}, x.options().dtype(at::kFloat));
  Launch::check(
      kernels().rms_norm(type_of(x), x.const_data_ptr(), weight.const_data_ptr(), static_cast<float>(eps), x.size(0),
                         x.size(1), y.mutable_data_ptr(), rstd.mutable_data_ptr<float>(), launch.stream()),
      "rms_norm");
  return {y, rstd};
}

Tensor rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& rstd, Tensor& dx,
                         bool want_weight) {
  const Launch launch(x);
  const int64_t rows = x.size(0), cols = x.size(1);
  const auto* r = rstd.const_data_ptr<float>();
  Launch::check(
      kernels().rms_norm_backward(type_of(x), dy.const_data_ptr(), x.const_data_ptr(), weight.const_data_ptr(), r, rows,
                                  cols, dx.mutable_data_ptr(), launch.stream()),
      "rms_norm_backward");
  if (!want_weight) return Tensor();
  Tensor partial = at::empty({hone::cuda::kWeightParts, cols}, x.options().dtype(at::kFloat));
  Launch::check(kernels().rms_norm_weight_gradient(type_of(x), dy.const_data_ptr(), x.const_data_ptr(), r, rows, cols,
                                                   partial.mutable_data_ptr<float>(), launch.stream()),
                "rms_norm_weight_gradient");
  return partial.sum(0);
}

void rope(Tensor& x, const Tensor& positions, const Tensor& cos, const Tensor& sin, bool backward) {
  const Launch launch(x);
  Launch::check(kernels().rope(type_of(x), x.mutable_data_ptr(), positions.const_data_ptr<int64_t>(),
                               cos.const_data_ptr<float>(), sin.const_data_ptr<float>(), x.size(0), x.size(1),
                               x.size(2), x.stride(0), backward ? -1.0f : 1.0f, launch.stream()),
                "rope");
}

Tensor silu_mul(const Tensor& gate, const Tensor& up) {
  const Launch launch(gate);
  Tensor out = at::empty_like(gate);
  Launch::check(kernels().silu_mul(type_of(gate), gate.const_data_ptr(), up.const_data_ptr(), out.mutable_data_ptr(),
                                   gate.numel(), launch.stream()),
                "silu_mul");
  return out;
}

void silu_mul_backward(const Tensor& dout, Tensor& gate, Tensor& up) {
  const Launch launch(gate);
  Launch::check(kernels().silu_mul_backward(type_of(gate), dout.const_data_ptr(), gate.mutable_data_ptr(),
                                            up.mutable_data_ptr(), gate.numel(), launch.stream()),
                "silu_mul_backward");
}

Tensor dropout(const Tensor& x, uint32_t threshold, float scale, DropoutKey key) {
  const Launch launch(x);
  Tensor out = at::empty_like(x);
  Launch::check(kernels().dropout(type_of(x), x.const_data_ptr(), out.mutable_data_ptr(), key.key, key.stream,
                                  threshold, scale, x.numel(), launch.stream()),
                "dropout");
  return out;
}

std::pair<Tensor, Tensor> cross_entropy(Tensor& logits, const Tensor& targets, const Tensor& row_scale) {
  const Launch launch(logits);
  const int64_t rows = logits.size(0);
  Tensor losses = at::empty({rows}, logits.options().dtype(at::kFloat));
  Tensor correct = at::empty({rows}, logits.options().dtype(at::kBool));
  Launch::check(kernels().cross_entropy(type_of(logits), logits.mutable_data_ptr(), targets.const_data_ptr<int64_t>(),
                                        row_scale.defined() ? row_scale.const_data_ptr<float>() : nullptr, rows,
                                        logits.size(1), losses.mutable_data_ptr<float>(),
                                        reinterpret_cast<uint8_t*>(correct.mutable_data_ptr<bool>()), launch.stream()),
                "cross_entropy");
  return {losses, correct};
}

}  // namespace hone::tensor::gpu
