// optim_steps OPTIM IN.safetensors OUT.safetensors LR WEIGHT_DECAY [THREADS]: an optimiser of hone on tensors
// "value.NAME" with gradients "gradient.NAME" [steps, …], for tests/parity/test_optim.py. Prints the seconds of each
// step.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/strings.h"
#include "model/checkpoint.h"
#include "tensor/device.h"
#include "tune/optimizers/optimizer.h"

int main(int argc, char** argv) {
  using namespace hone;
  if (argc < 6) return 2;
  tensor::set_threads(argc > 6 ? std::atoi(argv[6]) : 1);
  const auto input = model::Checkpoint::from_file(argv[2]);
  std::vector<tune::TrainedTensor> tensors;
  std::vector<Tensor> gradients;
  for (const std::string& name : input.names()) {
    if (!starts_with(name, "value.")) continue;
    const std::string rest = name.substr(6);
    tensors.push_back({rest, input.tensor(name).clone(), input.tensor(name).dim() > 1, starts_with(rest, "embedding")});
    gradients.push_back(input.tensor("gradient." + rest));
  }
  const auto optimizer =
      tune::optimizer_named(argv[1], "OPTIM").make.make(tensors, {.weight_decay = std::strtod(argv[5], nullptr)});
  for (int64_t step = 0; step < gradients.front().size(0); ++step) {
    for (size_t i = 0; i < tensors.size(); ++i) tensors[i].value.mutable_grad() = gradients[i][step].clone();
    const auto begin = std::chrono::steady_clock::now();
    optimizer->step(std::strtod(argv[4], nullptr));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%.6f\n", took.count());
  }
  tune::NamedTensors out = optimizer->state();
  for (const auto& trained : tensors) out.emplace_back("value." + trained.name, trained.value);
  model::write_tensors(argv[3], out);
  std::printf("state_bytes %ld\n", static_cast<long>(optimizer->state_bytes()));
  return 0;
}
