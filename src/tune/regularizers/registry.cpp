#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "tune/regularizers/regularizer.h"

namespace hone::tune {

#define REGULARIZER(name) void register_regularizer_##name(Registry<RegularizerKind>&);
#include "tune/regularizers/regularizers.def"
#undef REGULARIZER

const Registry<RegularizerKind>& regularizers() {
  static const Registry<RegularizerKind> all = [] {
    Registry<RegularizerKind> registry("regularization");
#define REGULARIZER(name) register_regularizer_##name(registry);
#include "tune/regularizers/regularizers.def"
#undef REGULARIZER
    return registry;
  }();
  return all;
}

Regularizer::Regularizer(const NamedTensors& parameters, const RegularizerOptions& options)
    : parameters_(parameters), options_(options) {
  for (const auto& [name, value] : parameters_) anchors_.push_back(value.detach().clone());
}

void Regularizer::measure(model::Decoder& decoder, const std::filesystem::path& file) {
  static const Examples kNone;
  const auto& kind = regularizers().at(options_.type, "regularization.type").make;
  importance_ = kind.importance(decoder, parameters_, options_.data != nullptr ? *options_.data : kNone);
  if (importance_.empty()) return;
  NamedTensors named;
  for (size_t i = 0; i < importance_.size(); ++i)
    named.emplace_back("importance." + parameters_[i].first, importance_[i]);
  model::write_tensors(file, named);
}

void Regularizer::read(const std::filesystem::path& file) {
  const auto saved = model::Checkpoint::from_file(file);
  importance_.clear();
  for (const auto& [name, value] : parameters_)
    importance_.push_back(saved.tensor("importance." + name, value.sizes().vec()).to(value.device()));
}

int64_t Regularizer::bytes() const {
  int64_t anchors = 0;
  for (const Tensor& anchor : anchors_) anchors += static_cast<int64_t>(anchor.nbytes());
  // Importance, where a kind finds it, has the shapes of the weights.
  return regularizers().at(options_.type, "regularization.type").make.needs_data ? 2 * anchors : anchors;
}

double Regularizer::add_gradients() const {
  const at::NoGradGuard no_grad;
  double penalty = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& value = parameters_[i].second;
    const Tensor apart = value - anchors_[i];
    const Tensor pull = importance_.empty() ? apart : apart * importance_[i];
    penalty += 0.5 * options_.lambda * (pull * apart).sum(at::kDouble).item<double>();
    if (value.grad().defined())
      value.mutable_grad().add_(pull, options_.lambda);
    else
      value.mutable_grad() = pull * options_.lambda;
  }
  return penalty;
}

}  // namespace hone::tune
