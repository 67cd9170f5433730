// The seam for tuning and quantisation: y = W x + b, plus whatever is attached to it.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/grad_sink.h"
#include "tensor/ops.h"
#include "tensor/quantized.h"
#include "tensor/tensor.h"

namespace hone::model {

/// Low-rank update (Hu et al. 2021): y += scaling · B (A dropout(x)). lora_A [r, in], lora_B [out, r], fp32.
struct Lora {
  Tensor lora_A, lora_B;
  double scaling = 1;
  double dropout = 0;
};

struct AdapterWeights;

/// Rows begin … end-1 of a step get this adapter's update.
struct AdapterRows {
  int64_t begin = 0, end = 0;
  const AdapterWeights* adapter = nullptr;
};

/// What the blocks and the head need to know of the step they run in.
struct StepContext {
  bool training = false;     ///< dropout is applied
  uint64_t dropout_key = 0;  ///< differs for each micro-batch; see tensor::DropoutKey
  /// NEFTune's alpha (Jain et al. 2024): in training, uniform noise in ±alpha / √(T·D) on each embedding of a sequence
  /// of T tokens; named by dropout_key. 0: none.
  double embedding_noise = 0;
  bool recompute = false;  ///< blocks keep their input alone and repeat their forward in backward
  /// Updates for some rows alone, in forward() without gradients; what is attached to a Linear is added to all rows.
  std::span<const AdapterRows> adapters = {};
  /// A row's results are the same to the bit whatever rows lie beside it (decoding; see tensor/rows.h).
  bool row_by_row = false;
};

/// How a weight lies in its checkpoint, and so in memory.
enum class WeightLayout { kOutIn, kInOut };

class Linear {
 public:
  Linear() = default;
  /// `weight` [out, in] (or as `layout` says), `bias` [out] or undefined. `index` is unique in the model: it names
  /// this layer's dropout stream.
  Linear(std::string name, Tensor weight, Tensor bias, at::ScalarType compute_type, int64_t index,
         WeightLayout layout = WeightLayout::kOutIn);
  /// The same with W in few bits [out, in], which is never trained; `layout` is that of the weight if it becomes dense.
  Linear(std::string name, std::shared_ptr<const tensor::Quantized> weight, Tensor bias, at::ScalarType compute_type,
         int64_t index, WeightLayout layout = WeightLayout::kOutIn);

  /// What backward needs besides x.
  struct Saved {
    Tensor low;  ///< A dropout(x), [N, r]
  };

  /// x [N, in] in the compute type; returns [N, out].
  Tensor forward(const Tensor& x, const StepContext& context, Saved* saved) const;

  /// Adds W and adapter gradients to `sink`; when `dx` is given, writes the gradient of x to it, or adds
  /// it to what is there when `accumulate`.
  void backward(const Tensor& dy, const Tensor& x, const Saved& saved, const StepContext& context, GradSink& sink,
                Tensor* dx, bool accumulate) const;

  /// forward() from operators that autograd knows, down to every tensor here that requires a gradient; the
  /// same dropout falls. For blocks without a backward of their own (model/composed_block.h).
  Tensor forward_composed(const Tensor& x, const StepContext& context) const;

  /// Its number in the model.
  int64_t index() const { return index_; }
  /// Every tensor here that requires a gradient.
  void collect_trainable(std::vector<Tensor>& into) const;
  int64_t in_features() const {
    return quantized ? quantized->cols : weight.size(layout_ == WeightLayout::kOutIn ? 1 : 0);
  }
  int64_t out_features() const {
    return quantized ? quantized->rows : weight.size(layout_ == WeightLayout::kOutIn ? 0 : 1);
  }
  c10::Device device() const { return quantized ? quantized->device() : weight.device(); }
  WeightLayout layout() const { return layout_; }
  /// A view of a matrix [out, in] in the layout of `weight`, and back.
  Tensor laid_out(const Tensor& matrix) const { return layout_ == WeightLayout::kOutIn ? matrix : matrix.t(); }
  /// W in fp32 in the layout of `weight`, a copy where it is stored otherwise.
  Tensor dense() const;

  std::string name;  ///< as in the checkpoint, without ".weight"
  Tensor weight;     ///< undefined where the weight is `quantized`
  std::shared_ptr<const tensor::Quantized> quantized;
  Tensor bias;
  std::optional<Lora> lora;

 private:
  /// The weight [out, in] in the compute type; a converted copy is kept until the weight changes.
  Tensor matrix() const;
  /// x Wᵀ + b
  Tensor product(const Tensor& x, bool row_by_row) const;
  void add_updates(Tensor& y, const Tensor& x, const StepContext& context) const;
  bool drops(const StepContext& context) const;
  tensor::DropoutKey dropout_key(const StepContext& context) const;
  Tensor dropped(const Tensor& x, const StepContext& context) const;

  at::ScalarType compute_type_ = at::kFloat;
  int64_t index_ = 0;
  WeightLayout layout_ = WeightLayout::kOutIn;
  mutable Tensor converted_;
  mutable uint32_t converted_version_ = 0;
};

}  // namespace hone::model
