// A published small model on a GPU against the CPU: logits, loss, gradients, and a few steps of LoRA.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "exchange/peft.h"
#include "model/head_loss.h"
#include "tensor/gpu.h"
#include "tune/optimizers/adamw.h"

namespace hone::tune {
namespace {

const std::string kFolder = HONE_SOURCE_DIR "/tests/data/tinystories-260k";
const c10::Device kCpu(c10::kCPU), kGpu(c10::kCUDA, 0);

/// Three sequences of different lengths; each token's target is the token after it.
struct Batch {
  explicit Batch(const c10::Device& device) {
    std::vector<std::vector<int32_t>> texts;
    std::vector<int64_t> next;
    for (const int32_t length : {5, 40, 101}) {
      std::vector<int32_t> ids;
      for (int32_t i = 0; i < length; ++i) ids.push_back(3 + i * 37 % 500);
      for (int32_t i = 0; i + 1 < length; ++i) next.push_back(ids[static_cast<size_t>(i) + 1]);
      next.push_back(model::kIgnore);
      texts.push_back(std::move(ids));
    }
    packed = model::pack({texts.begin(), texts.end()}, device);
    targets = tensor_of(next);
  }
  model::PackedBatch packed;
  Tensor targets;
};

struct Curve {
  std::vector<double> losses, norms;
  Tensor logits;
};

Curve train(const c10::Device& device, at::ScalarType type, int steps) {
  const auto decoder = model::Decoder::load(kFolder, {.compute_type = type, .device = device});
  const Batch batch(device);
  Curve curve;
  curve.logits = decoder->logits(decoder->hidden(batch.packed, {})).cpu();
  exchange::LoraSettings settings{.r = 4, .lora_alpha = 8, .lora_dropout = 0.1, .target_modules = {"all-linear"}};
  exchange::attach_lora(*decoder, settings, 1, kFolder);
  const auto parameters = exchange::lora_tensors(*decoder, settings);
  AdamW optimizer(trained_tensors(parameters, *decoder), {.weight_decay = 0.01});
  for (int step = 0; step < steps; ++step) {
    const model::StepContext context{.training = true, .dropout_key = static_cast<uint64_t>(step)};
    const auto loss = model::head_loss(*decoder, decoder->hidden(batch.packed, context), batch.targets, context,
                                       {.weight = 1.0 / 143});
    loss.loss.backward();
    curve.losses.push_back(loss.nll_sum / static_cast<double>(loss.tokens));
    curve.norms.push_back(clip_gradients(parameters, 1.0));
    optimizer.step(5e-3);
    for (const auto& [name, parameter] : parameters) parameter.mutable_grad() = Tensor();
  }
  return curve;
}

class GpuTraining : public testing::TestWithParam<at::ScalarType> {};

TEST_P(GpuTraining, EqualsTheCpu) {
  SKIP_WITHOUT_GPU();
  const double bound = GetParam() == at::kFloat ? 1e-4 : 3e-2;
  const Curve expected = train(kCpu, GetParam(), 8), got = train(kGpu, GetParam(), 8),
              again = train(kGpu, GetParam(), 8);
  const double largest = std::max(1.0, expected.logits.abs().max().item<double>());
  EXPECT_LE((got.logits.to(at::kDouble) - expected.logits.to(at::kDouble)).abs().max().item<double>(), bound * largest);
  for (size_t i = 0; i < expected.losses.size(); ++i) {
    EXPECT_NEAR(got.losses[i], expected.losses[i], bound * expected.losses[i]) << "step " << i;
    EXPECT_NEAR(got.norms[i], expected.norms[i], 3 * bound * expected.norms[i]) << "step " << i;
  }
  EXPECT_LT(got.losses.back(), got.losses.front());
  EXPECT_EQ(got.losses, again.losses) << "a run repeats bit by bit";
}

INSTANTIATE_TEST_SUITE_P(Types, GpuTraining, testing::Values(at::kFloat, at::kBFloat16));

/// The same program without a GPU, so that this test itself is known to run.
TEST(GpuTrainingOnTheCpu, RepeatsItself) {
  const Curve once = train(kCpu, at::kFloat, 2), again = train(kCpu, at::kFloat, 2);
  EXPECT_EQ(once.losses, again.losses);
  EXPECT_LT(once.losses.back(), once.losses.front());
}

}  // namespace
}  // namespace hone::tune
