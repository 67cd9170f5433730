#include "model/autograd_node.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace hone::model {
namespace {

/// A graph node whose backward is a closure. It is dropped after use, and with it what it saved.
struct ClosureNode : torch::autograd::Node {
  explicit ClosureNode(Backward backward) : backward_(std::move(backward)) {}

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    TORCH_CHECK(backward_, "backward of a block was asked for twice");
    const at::NoGradGuard no_grad;
    auto [input, parameters] = backward_(gradients[0]);
    torch::autograd::variable_list all{std::move(input)};
    for (auto& gradient : parameters) all.push_back(std::move(gradient));
    return all;
  }
  void release_variables() override { backward_ = nullptr; }
  std::string name() const override { return "HoneBackward"; }

 private:
  Backward backward_;
};

}  // namespace

bool needs_gradient(const Tensor& input, const std::vector<Tensor>& parameters) {
  return at::GradMode::is_enabled() && (input.requires_grad() || !parameters.empty());
}

Tensor attach_backward(Tensor output, const Tensor& input, const std::vector<Tensor>& parameters, Backward backward) {
  auto node = std::shared_ptr<ClosureNode>(new ClosureNode(std::move(backward)), torch::autograd::deleteNode);
  torch::autograd::edge_list edges{torch::autograd::collect_next_edges(input)};
  for (const Tensor& parameter : parameters) {
    edges.push_back(torch::autograd::collect_next_edges(parameter).front());
  }
  node->set_next_edges(std::move(edges));
  torch::autograd::set_history(output, node);
  return output;
}

Tensor without_gradients(const std::function<Tensor()>& work) {
  const at::NoGradGuard no_grad;
  return work();
}

}  // namespace hone::model
