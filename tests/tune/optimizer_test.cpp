// What holds for every optimiser of the list: it learns, its state goes through a file to the bit, it leaves alone
// what has no gradient. Which step each makes is tested in tests/parity/test_optim.py.
#include "tune/optimizers/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "error_of.h"
#include "temporary_folder.h"

namespace hone::tune {
namespace {

constexpr OptimizerOptions kOptions{.weight_decay = 0.01};

/// A matrix that an 8-bit optimiser takes, an embedding and a norm that it does not.
std::vector<TrainedTensor> tensors() {
  at::manual_seed(11);
  return {{"w", at::randn({70, 90})}, {"e", at::randn({80, 64}), true, true}, {"n", at::randn({64}), false}};
}

/// One step towards 0, with something of noise; what is called `without` has no gradient.
void step(Optimizer& optimizer, std::vector<TrainedTensor>& on, int number, const std::string& without = "") {
  at::manual_seed(static_cast<uint64_t>(number));
  for (TrainedTensor& trained : on) {
    const Tensor gradient = trained.value + 0.1 * at::randn(trained.value.sizes());
    trained.value.mutable_grad() = trained.name == without ? Tensor() : gradient;
  }
  optimizer.step(0.01);
}

class EveryOptimizer : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Optimizer> make(const std::vector<TrainedTensor>& on) const {
    return optimizer_named(GetParam(), "test").make.make(on, kOptions);
  }
};

TEST_P(EveryOptimizer, Learns) {
  auto on = tensors();
  const auto optimizer = make(on);
  const double before = on[0].value.norm().item<double>();
  for (int i = 0; i < 60; ++i) step(*optimizer, on, i);
  EXPECT_LT(on[0].value.norm().item<double>(), 0.7 * before);
}

TEST_P(EveryOptimizer, GoesOnFromItsStateToTheBit) {
  const TemporaryFolder folder;
  auto whole = tensors();
  const auto first = make(whole);
  step(*first, whole, 0, "w");  // so that the tensors have not made equally many steps
  for (int i = 1; i < 4; ++i) step(*first, whole, i);
  model::write_tensors(folder / "state.safetensors", first->state());
  auto continued = tensors();
  for (size_t i = 0; i < whole.size(); ++i) continued[i].value.copy_(whole[i].value);
  const auto second = make(continued);
  second->restore(model::Checkpoint::from_file(folder / "state.safetensors"));
  EXPECT_EQ(second->state_bytes(), first->state_bytes());
  for (int i = 4; i < 8; ++i) step(*first, whole, i), step(*second, continued, i);
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(at::equal(whole[i].value, continued[i].value)) << whole[i].name;
}

TEST_P(EveryOptimizer, LeavesAloneWhatHasNoGradient) {
  auto on = tensors();
  const auto optimizer = make(on);
  const Tensor before = on[1].value.clone();
  step(*optimizer, on, 0, "e");
  EXPECT_TRUE(at::equal(on[1].value, before));
}

INSTANTIATE_TEST_SUITE_P(All, EveryOptimizer, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& entry : optimizers().entries()) names.push_back(entry.name);
                           return names;
                         }()),
                         [](const auto& entry) { return entry.param; });

TEST(Optimizers, EightBitsTakeAQuarter) {
  const std::vector<TrainedTensor> on = {{"w", at::randn({512, 512})}};
  const auto bytes = [&](const char* name) { return optimizer_named(name, "").make.make(on, {})->state_bytes(); };
  EXPECT_EQ(bytes("adamw"), 8 * 512 * 512);
  EXPECT_EQ(bytes("adamw_8bit"), 2 * 512 * 512 + 2 * 4 * 1024);
}

TEST(Optimizers, WrongNamesAreExplained) {
  const auto said = [](const char* name) { return error_of([&] { optimizer_named(name, "training.optim"); }); };
  EXPECT_NE(said("adamw8bit").message().find("did you mean \"adamw_8bit\"?"), std::string::npos);
  EXPECT_NE(said("paged_adamw_32bit").remedy().find("use adamw"), std::string::npos);
  EXPECT_NE(said("paged_adamw_8bit").remedy().find("use adamw_8bit"), std::string::npos);
}

}  // namespace
}  // namespace hone::tune
