// The hand-written backward of a block against finite differences, and against the same block composed of
// differentiable operators.
#include "model/block.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "finite_differences.h"
#include "model/composed_block.h"
#include "model/small_model.h"

namespace hone::model {
namespace {

/// What is trained; the rest is frozen.
enum class Tuned { kAdapter, kAll, kNorms, kNothing };

struct Case {
  Likeness likeness;
  at::ScalarType type;
  Tuned tuned;
  bool input_wants_gradient;
};

/// The Linears of a block with names and sizes.
struct Part {
  Linear Block::*linear;
  const char* name;
  int64_t out, in;
};

std::vector<Part> parts_of(const DecoderConfig& config) {
  const int64_t d = config.hidden_size, f = config.intermediate_size, dim = config.head_dim,
                heads = config.num_attention_heads, kv_heads = config.num_key_value_heads;
  std::vector<Part> parts;
  for (const Part& part : {Part{&Block::q, "q", heads * dim, d},
                           {&Block::k, "k", kv_heads * dim, d},
                           {&Block::v, "v", kv_heads * dim, d},
                           {&Block::qkv, "qkv", (heads + 2 * kv_heads) * dim, d},
                           {&Block::o, "o", d, heads * dim},
                           {&Block::gate, "gate", f, d},
                           {&Block::up, "up", f, d},
                           {&Block::down, "down", d, f}}) {
    const auto wanted = Block::linears(config);
    if (std::find(wanted.begin(), wanted.end(), part.linear) != wanted.end()) parts.push_back(part);
  }
  return parts;
}

class SmallBlock {
 public:
  SmallBlock(Likeness likeness, at::ScalarType type, bool adapters = true)
      : config_(small_config(likeness)), type_(type), block_(config_, 1) {
    begin_again();
    int64_t index = 0;
    const bool turned = config_.transposed_weights;
    for (const auto& [linear, name, out, in] : parts_of(config_)) {
      Tensor weight = random_tensor({turned ? in : out, turned ? out : in}, type, 0.2);
      block_.*linear = Linear(name, weight, random_tensor({out}, type, 0.2), type, index++,
                              turned ? WeightLayout::kInOut : WeightLayout::kOutIn);
      if (adapters) attach_lora(block_.*linear, type);
    }
    const int64_t d = config_.hidden_size;
    for (auto [norm, name] : {std::pair{&Block::attention_norm, "attention_norm"}, {&Block::mlp_norm, "mlp_norm"}}) {
      const Tensor bias = config_.norm == NormKind::kLayer ? random_tensor({d}, type, 0.2) : Tensor();
      block_.*norm = Norm(name, config_.norm, config_.norm_eps, random_tensor({d}, type, 0.2) + 1, bias);
    }
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
    NamedTensors all{{"x", x_}};
    for (const Norm* norm : {&block_.attention_norm, &block_.mlp_norm}) {
      all.emplace_back(norm->name + ".weight", norm->weight);
      if (norm->bias.defined()) all.emplace_back(norm->name + ".bias", norm->bias);
    }
    for (const Part& part : parts_of(config_)) {
      const Linear& linear = block_.*part.linear;
      all.emplace_back(linear.name + ".weight", linear.weight);
      if (!bias_is_idle(config_, linear.name)) all.emplace_back(linear.name + ".bias", linear.bias);
      add_adapter(linear, all);
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
  DecoderConfig config_;
  at::ScalarType type_;
  Block block_;
  Tensor x_, dy_;
};

constexpr Likeness kLikenesses[] = {Likeness::kLlama, Likeness::kGpt2, Likeness::kOpt350, Likeness::kOther};

class BlockOf : public testing::TestWithParam<Likeness> {};

TEST_P(BlockOf, GradientsEqualFiniteDifferences) {
  SmallBlock block(GetParam(), at::kDouble);
  block.tune(Tuned::kAll, true);
  const auto gradients = gradients_of(block.loss(block.forward(false, false)), block.tensors());
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : block.tensors()) {
    const auto value = [&] { return block.loss(block.forward(false, false)).item<double>(); };
    expect_gradient(gradients.at(name), tensor, value, name);
  }
}

INSTANTIATE_TEST_SUITE_P(Block, BlockOf, testing::ValuesIn(kLikenesses), case_of);

class BothPaths : public testing::TestWithParam<Case> {};

TEST_P(BothPaths, GiveTheSameOutputsAndGradients) {
  for (const bool adapters : {true, false}) {
    SmallBlock block(GetParam().likeness, GetParam().type, adapters);
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
  for (const Likeness likeness : kLikenesses) {
    for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      for (const Tuned tuned : {Tuned::kAdapter, Tuned::kAll, Tuned::kNorms, Tuned::kNothing}) {
        for (const bool input : {true, false}) all.push_back({likeness, type, tuned, input});
      }
    }
  }
  return all;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  static const std::map<Tuned, std::string> kTuned = {
      {Tuned::kAdapter, "Adapter"}, {Tuned::kAll, "All"}, {Tuned::kNorms, "Norms"}, {Tuned::kNothing, "Nothing"}};
  return name_of(info.param.likeness) + "_" + tensor::dtype_name(info.param.type) + kTuned.at(info.param.tuned) +
         (info.param.input_wants_gradient ? "AndInput" : "");
}

INSTANTIATE_TEST_SUITE_P(Block, BothPaths, testing::ValuesIn(cases()), case_name);

TEST(Block, RecomputedRunsAddTheirGradientsOnceEach) {
  SmallBlock block(Likeness::kLlama, at::kFloat);
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
