// Adapters read beside a decoder: the same updates as attached ones, and what is refused.
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "error_of.h"
#include "exchange/peft.h"
#include "model/checkpoint.h"
#include "model/small_model.h"
#include "temporary_folder.h"

namespace hone::exchange {
namespace {

using model::Likeness;
using Tensors = std::vector<std::pair<std::string, Tensor>>;

std::unique_ptr<model::Decoder> decoder_of(Likeness likeness, bool tied = true, at::ScalarType type = at::kFloat) {
  model::DecoderConfig config = model::small_config(likeness);
  config.tie_word_embeddings = tied;
  return model::Decoder::random(config, {.compute_type = type}, 3);
}

LoraSettings settings_of(std::vector<std::string> targets) {
  LoraSettings settings;
  settings.r = 3;
  settings.target_modules = std::move(targets);
  settings.init_lora_weights = "false";
  settings.rank_pattern = {{"layers.1.self_attn.q_proj", 5}};
  return settings;
}

/// Writes an adapter, its tensors changed by `change`.
void write(const std::filesystem::path& folder, Likeness likeness, const LoraSettings& settings,
           const std::function<void(Tensors&)>& change = {}, bool tied = true) {
  const auto decoder = decoder_of(likeness, tied);
  attach_lora(*decoder, settings, 5, {});
  std::filesystem::create_directories(folder);
  write_peft(*decoder, settings, folder);
  if (!change) return;
  Tensors tensors = lora_tensors(*decoder, settings);
  change(tensors);
  model::write_tensors(folder / "adapter_model.safetensors", tensors);
}

TEST(LoadAdapter, HoldsWhatReadPeftAttaches) {
  for (const Likeness likeness : {Likeness::kLlama, Likeness::kGpt2, Likeness::kOpt350}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const TemporaryFolder folder;
      write(folder.path(), likeness, settings_of({"all-linear"}));
      const auto beside = decoder_of(likeness, true, type), attached = decoder_of(likeness, true, type);
      const auto adapter = load_adapter(*beside, folder.path());
      read_peft(*attached, folder.path(), false);
      size_t updates = 0;
      for (const model::Linear* linear : attached->linears()) {
        const model::Lora* update = adapter->of(linear->index());
        ASSERT_EQ(update != nullptr, linear->lora.has_value()) << linear->name;
        if (update == nullptr) continue;
        ++updates;
        EXPECT_TRUE(at::equal(update->lora_A, linear->lora->lora_A.to(type)));
        EXPECT_TRUE(at::equal(update->lora_B, linear->lora->lora_B.to(type)));
        EXPECT_EQ(update->scaling, linear->lora->scaling);
      }
      EXPECT_EQ(updates, beside->linears().size() - 1);
      for (const model::Linear* linear : beside->linears()) EXPECT_FALSE(linear->lora.has_value());
    }
  }
}

TEST(LoadAdapter, RefusesWhatIsBrokenOrAnothers) {
  const LoraSettings settings = settings_of({"q_proj", "down_proj"});
  const auto refused = [&](const std::function<void(Tensors&)>& change) {
    const TemporaryFolder folder;
    write(folder.path(), Likeness::kLlama, settings, change);
    const auto decoder = decoder_of(Likeness::kLlama);
    const Error error = error_of([&] { load_adapter(*decoder, folder.path()); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return std::string(error.what());
  };
  const auto with_value = [](double value) {
    return [value](Tensors& tensors) { tensors[1].second.detach().view(-1)[0].fill_(value); };
  };
  EXPECT_TRUE(contains(refused(with_value(std::numeric_limits<double>::quiet_NaN())), "not finite"));
  EXPECT_TRUE(contains(refused(with_value(std::numeric_limits<double>::infinity())), "not finite"));
  EXPECT_TRUE(contains(refused([](Tensors& tensors) { tensors.erase(tensors.begin()); }), "lora_A"));
  EXPECT_TRUE(contains(refused([](Tensors& tensors) {
                         tensors[0].second = at::zeros({4, 10}, at::TensorOptions().dtype(at::kFloat));
                       }),
                       "[4, 10]"));
  EXPECT_TRUE(contains(refused([](Tensors& tensors) {
                         tensors.emplace_back("base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight",
                                              at::zeros({3, 10}, at::TensorOptions().dtype(at::kFloat)));
                       }),
                       "belongs to no module"));
}

TEST(LoadAdapter, RefusesWeightsForTheBaseAndSaysToMerge) {
  const auto refused = [&](const LoraSettings& settings, const std::function<void(Tensors&)>& change = {}) {
    const TemporaryFolder folder;
    write(folder.path(), Likeness::kLlama, settings, change, false);
    const auto decoder = decoder_of(Likeness::kLlama, false);
    return std::string(error_of([&] { load_adapter(*decoder, folder.path()); }).what());
  };
  LoraSettings settings = settings_of({"q_proj"});
  settings.modules_to_save = {"lm_head"};
  EXPECT_TRUE(contains(refused(settings), "merge"));
  settings.modules_to_save = {};
  settings.bias = "lora_only";
  const auto trained = [](Tensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name.ends_with(".bias")) tensor.detach().add_(1);
    }
  };
  EXPECT_TRUE(contains(refused(settings, trained), "q_proj.bias"));
}

TEST(LoadAdapter, LeavesWeightsOfTheBaseThatAreAsTheyWere) {
  const TemporaryFolder folder;
  const auto decoder = decoder_of(Likeness::kLlama);
  write(folder.path(), Likeness::kLlama, settings_of({"q_proj"}), [&](Tensors& tensors) {
    tensors.emplace_back("base_model.model." + decoder->parameters().front().name,
                         *decoder->parameters().front().tensor);
    tensors.emplace_back("base_model.model." + decoder->head().name + ".weight", decoder->head().weight.clone());
  });
  EXPECT_GT(load_adapter(*decoder, folder.path())->bytes(), 0);
}

}  // namespace
}  // namespace hone::exchange
