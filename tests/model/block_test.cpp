// The hand-written backward of a block against finite differences, and against the same block composed of
// differentiable operators.
#include "model/block.h"

#include <gtest/gtest.h>

#include "finite_differences.h"
#include "model/composed_block.h"
#include "model/small_model.h"

namespace hone::model {
namespace {

/// What is trained; the rest is frozen.
enum class Tuned { kAdapter, kAll, kNorms, kNothing };

struct Case {
  at::ScalarType type;
  Tuned tuned;
  bool input_wants_gradient;
};

class SmallBlock {
 public:
  explicit SmallBlock(at::ScalarType type, bool adapters = true) : type_(type), block_(config_, 0) {
    begin_again();
    int64_t index = 0;
    const auto linear = [&](const char* name, int64_t out, int64_t in) {
      Linear made(name, random_tensor({out, in}, type, 0.2), random_tensor({out}, type, 0.2), type, index++);
      if (adapters) attach_lora(made, type);
      return made;
    };
    const int64_t d = config_.hidden_size, f = config_.intermediate_size, q_width = 16, kv_width = 8;
    block_.q = linear("q", q_width, d), block_.k = linear("k", kv_width, d), block_.v = linear("v", kv_width, d);
    block_.o = linear("o", d, q_width);
    block_.gate = linear("gate", f, d), block_.up = linear("up", f, d), block_.down = linear("down", d, f);
    block_.attention_norm = random_tensor({d}, type, 0.2) + 1;
    block_.mlp_norm = random_tensor({d}, type, 0.2) + 1;
    x_ = random_tensor({kTokens, d}, type);
    dy_ = random_tensor({kTokens, d}, type);
  }

  void tune(Tuned tuned, bool input_wants_gradient) {
    for (const auto& [name, tensor] : tensors()) {
      const bool adapter = name.find("lora") != std::string::npos, norm = name.find("norm") != std::string::npos;
      const bool wanted = name == "x" ? input_wants_gradient
                                      : tuned == Tuned::kAll || (tuned == Tuned::kAdapter && adapter) ||
                                            (tuned == Tuned::kNorms && norm);
      tensor.set_requires_grad(wanted);
    }
  }

  NamedTensors tensors() const {
    NamedTensors all{{"x", x_}, {"attention_norm", block_.attention_norm}, {"mlp_norm", block_.mlp_norm}};
    for (const Linear* linear : {&block_.q, &block_.k, &block_.v, &block_.o, &block_.gate, &block_.up, &block_.down}) {
      all.emplace_back(linear->name + ".weight", linear->weight);
      all.emplace_back(linear->name + ".bias", linear->bias);
      add_adapter(*linear, all);
    }
    return all;
  }

  Tensor forward(bool composed, bool recompute) const {
    auto input = std::make_shared<BlockInput>();
    input->cu_seqlens = {0, 5, 6, kTokens};
    const std::vector<int64_t> positions{0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 5, 6};
    const RopeRows rope = RopeTable(config_).rows(tensor_of(positions), input->cu_seqlens, std::vector<int64_t>{7});
    input->positions = rope.positions, input->cos = rope.cos, input->sin = rope.sin;
    input->context = {.training = true, .dropout_key = 99, .recompute = recompute};
    return composed ? composed_forward(block_, config_, x_, input) : block_.forward(x_, input);
  }
  Tensor loss(const Tensor& y) const { return (y * dy_).sum(); }

 private:
  static constexpr int64_t kTokens = 13;
  DecoderConfig config_ = small_config();
  at::ScalarType type_;
  Block block_;
  Tensor x_, dy_;
};

TEST(Block, GradientsEqualFiniteDifferences) {
  for (const bool recompute : {false, true}) {
    SmallBlock block(at::kDouble);
    block.tune(Tuned::kAll, true);
    const auto gradients = gradients_of(block.loss(block.forward(false, recompute)), block.tensors());
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : block.tensors()) {
      const auto value = [&] { return block.loss(block.forward(false, false)).item<double>(); };
      expect_gradient(gradients.at(name), tensor, value, name);
    }
  }
}

class BothPaths : public testing::TestWithParam<Case> {};

TEST_P(BothPaths, GiveTheSameOutputsAndGradients) {
  for (const bool adapters : {true, false}) {
    SmallBlock block(GetParam().type, adapters);
    block.tune(GetParam().tuned, GetParam().input_wants_gradient);
    const double bound = rounding_of(GetParam().type);
    const Tensor expected = block.forward(false, false);
    const auto expected_gradients = gradients_of(block.loss(expected), block.tensors());
    for (const auto& [composed, recompute] : {std::pair{false, true}, {true, false}, {true, true}}) {
      const std::string what = std::string(composed ? "composed" : "fused") + (recompute ? ", recomputed" : "");
      const Tensor y = block.forward(composed, recompute);
      EXPECT_EQ(y.requires_grad(), expected.requires_grad()) << what;
      expect_equal(y, expected, bound, what);
      expect_equal(gradients_of(block.loss(y), block.tensors()), expected_gradients, bound, what);
    }
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    for (const Tuned tuned : {Tuned::kAdapter, Tuned::kAll, Tuned::kNorms, Tuned::kNothing}) {
      for (const bool input : {true, false}) all.push_back({type, tuned, input});
    }
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  static const std::map<Tuned, std::string> kTuned = {
      {Tuned::kAdapter, "Adapter"}, {Tuned::kAll, "All"}, {Tuned::kNorms, "Norms"}, {Tuned::kNothing, "Nothing"}};
  return tensor::dtype_name(info.param.type) + kTuned.at(info.param.tuned) +
         (info.param.input_wants_gradient ? "AndInput" : "");
}

INSTANTIATE_TEST_SUITE_P(Block, BothPaths, testing::ValuesIn(cases()), name_of);

TEST(Block, RecomputedRunsAddTheirGradientsOnceEach) {
  SmallBlock block(at::kFloat);
  block.tune(Tuned::kAdapter, true);
  for (const bool composed : {false, true}) {
    const Tensor once = block.forward(composed, true), twice = block.forward(composed, true);
    const auto first = gradients_of(block.loss(once), block.tensors());
    const auto sum = gradients_of(block.loss(block.forward(composed, true)) + block.loss(twice), block.tensors());
    for (const auto& [name, gradient] : first) {
      if (gradient.defined()) expect_equal(sum.at(name), gradient * 2, 1e-6, name);
    }
  }
}

}  // namespace
}  // namespace hone::model
