#include "tune/objectives/dpo_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/relu.h>

#include "base/error.h"

namespace hone::tune {
namespace {

struct LossType {
  const char* name;
  Tensor (*loss)(const recipe::DpoConfig& options, const LogRatios& ratios);
};

Tensor scaled_margin(const recipe::DpoConfig& options, const LogRatios& ratios) {
  return options.beta * (ratios.chosen - ratios.rejected);
}

Tensor sigmoid(const recipe::DpoConfig& options, const LogRatios& ratios) {
  const Tensor x = scaled_margin(options, ratios);
  const double e = options.label_smoothing;
  if (e == 0) return -at::log_sigmoid(x);
  return -(1 - e) * at::log_sigmoid(x) - e * at::log_sigmoid(-x);
}

Tensor robust(const recipe::DpoConfig& options, const LogRatios& ratios) {
  const Tensor x = scaled_margin(options, ratios);
  const double e = options.label_smoothing;
  return (-(1 - e) * at::log_sigmoid(x) + e * at::log_sigmoid(-x)) / (1 - 2 * e);
}

Tensor hinge(const recipe::DpoConfig& options, const LogRatios& ratios) {
  return at::relu(1 - scaled_margin(options, ratios));
}

Tensor ipo(const recipe::DpoConfig& options, const LogRatios& ratios) {
  const Tensor margin = ratios.chosen / ratios.chosen_tokens - ratios.rejected / ratios.rejected_tokens;
  return (margin - 1 / (2 * options.beta)).pow(2);
}

constexpr LossType kLossTypes[] = {{"sigmoid", sigmoid}, {"robust", robust}, {"hinge", hinge}, {"ipo", ipo}};

}  // namespace

Tensor dpo_loss(const recipe::DpoConfig& options, const LogRatios& ratios) {
  for (const LossType& type : kLossTypes) {
    if (options.loss_type == type.name) return type.loss(options, ratios);
  }
  fail_input("dpo.loss_type", "\"" + options.loss_type + "\" is unknown");
}

}  // namespace hone::tune
