#include "recipe/train_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "error_of.h"
#include "temporary_folder.h"

namespace hone::recipe {
namespace {

constexpr const char* kSmall = "model: {name_or_path: m}\ndata: {train: t.jsonl, validation: 0.1}\n";

TrainConfig parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_train_config(text, "c.yaml", overrides);
}

std::string complaint(const std::vector<std::string>& overrides, const std::string& text = kSmall) {
  return error_of([&] { parse(text, overrides); }).what();
}

TEST(TrainConfigs, TheDocumentedExampleIsRead) {
  const TrainConfig c = parse(R"(
model:        {name_or_path: models/base, torch_dtype: float32}
data:         {train: train.jsonl, validation: 0.1, max_length: 1024, packing: true}
method:       lora
lora:         {r: 16, lora_alpha: 32, lora_dropout: 0.05, target_modules: [q_proj, k_proj, v_proj, o_proj], bias: none}
objective:    sft
training:     {output_dir: runs/first, num_train_epochs: 3, per_device_train_batch_size: 4, gradient_accumulation_steps: 4,
               learning_rate: 2.0e-4, lr_scheduler_type: cosine, warmup_ratio: 0.1, logging_steps: 10, eval_steps: 50,
               save_steps: 50, save_total_limit: 2, seed: 42}
tracking:     [tensorboard]
)");
  EXPECT_EQ(c.model.name_or_path, "models/base");
  EXPECT_EQ(c.data.train, std::vector<std::string>{"train.jsonl"});
  EXPECT_EQ(std::get<double>(c.data.validation), 0.1);
  EXPECT_EQ(std::get<std::vector<std::string>>(c.lora.target_modules).size(), 4u);
  EXPECT_EQ(c.training.learning_rate, 2e-4);
  EXPECT_EQ(c.training.save_total_limit, 2);
  EXPECT_EQ(c.resolved_eval_strategy(), "steps");
  EXPECT_EQ(c.resolved_eval_steps(), 50);
}

TEST(TrainConfigs, TheResolvedFormReadsBackToItself) {
  const TrainConfig c = parse(kSmall, {"lora.rank_pattern={q_proj: 8}", "training.save_total_limit=3",
                                       "training.warmup_steps=7", "tracking=none"});
  const std::string text = train_config_yaml(c);
  EXPECT_EQ(train_config_yaml(parse(text)), text);
  EXPECT_EQ(train_config_json(parse(text)), train_config_json(c));
  EXPECT_TRUE(c.tracking.empty());
}

TEST(TrainConfigs, EvaluationFollowsTheValidationData) {
  EXPECT_EQ(parse(kSmall, {"data.validation=null"}).resolved_eval_strategy(), "no");
  EXPECT_EQ(parse(kSmall).resolved_eval_strategy(), "steps");
  EXPECT_EQ(parse(kSmall, {"training.save_strategy=epoch"}).resolved_eval_strategy(), "epoch");
  EXPECT_EQ(parse(kSmall, {"training.eval_strategy=no"}).resolved_eval_strategy(), "no");
  EXPECT_EQ(parse(kSmall).resolved_eval_steps(), parse(kSmall).training.save_steps);
}

TEST(TrainConfigs, TheDirectionOfAMetricIsKnownByItsName) {
  const auto greater = [](const std::string& metric) {
    return parse(kSmall, {"training.metric_for_best_model=" + metric}).resolved_greater_is_better();
  };
  EXPECT_FALSE(greater("eval_loss"));
  EXPECT_FALSE(greater("perplexity"));
  EXPECT_TRUE(greater("rougeL"));
  EXPECT_TRUE(parse(kSmall, {"training.greater_is_better=true"}).resolved_greater_is_better());
}

TEST(TrainConfigs, WhatMustBeGivenIsAskedFor) {
  const std::string text = complaint({}, "");
  EXPECT_TRUE(contains(text, "2 settings are wrong")) << text;
  EXPECT_TRUE(contains(text, "model.name_or_path: is missing")) << text;
  EXPECT_TRUE(contains(text, "data.train: is missing")) << text;
}

TEST(TrainConfigs, NamesFromOtherToolsAreExplained) {
  const struct {
    const char *given, *meant;
  } names[] = {
      {"lora_r", "lora.r"},
      {"lr", "training.learning_rate"},
      {"num_epochs", "training.num_train_epochs"},
      {"batch_size", "training.per_device_train_batch_size"},
      {"cutoff_len", "data.max_length"},
      {"max_seq_length", "data.max_length"},
      {"report_to", "tracking"},
      {"base_model", "model.name_or_path"},
  };
  for (const auto& name : names) {
    const std::string text = complaint({std::string(name.given) + "=1"});
    EXPECT_TRUE(contains(text, "did you mean \"" + std::string(name.meant) + "\"?")) << text;
  }
  EXPECT_TRUE(contains(complaint({"learning_rate=1e-4"}), "it belongs under \"training:\""));
}

TEST(TrainConfigs, RangesAreHeld) {
  for (const char* wrong :
       {"lora.r=0", "lora.lora_alpha=0", "lora.lora_dropout=1", "training.learning_rate=0", "training.learning_rate=-1",
        "training.warmup_ratio=1.5", "training.num_train_epochs=0", "training.max_steps=-2", "training.max_steps=0",
        "training.per_device_train_batch_size=0", "training.adam_beta2=1", "training.seed=-1", "data.max_length=1",
        "data.validation=1", "data.validation=0", "training.save_total_limit=0", "lora.alpha_pattern={q: 0}"}) {
    EXPECT_TRUE(contains(complaint({wrong}), std::string(wrong).substr(0, std::string(wrong).find('=')))) << wrong;
  }
}

TEST(TrainConfigs, ContradictionsAreFound) {
  EXPECT_TRUE(contains(complaint({"training.warmup_steps=3", "training.warmup_ratio=0.1"}), "keep one of the two"));
  EXPECT_NO_THROW(parse(kSmall, {"training.warmup_steps=3"}));  // the default ratio is no contradiction
  EXPECT_TRUE(contains(complaint({"training.warmup_steps=30", "training.max_steps=20"}),
                       "30 is more than training.max_steps 20"));
  EXPECT_TRUE(contains(complaint({"data.validation=", "training.eval_strategy=epoch"}), "needs validation data"));
  EXPECT_TRUE(contains(complaint({"data.validation=", "training.load_best_model_at_end=true"}), "needs evaluations"));
  EXPECT_TRUE(
      contains(complaint({"training.eval_strategy=no", "training.early_stopping_patience=2"}), "needs evaluations"));
  EXPECT_TRUE(contains(complaint({"data.validation=", "training.eval_on_start=true"}), "needs validation data"));
  EXPECT_TRUE(contains(complaint({"training.load_best_model_at_end=true", "training.save_strategy=no"}),
                       "give both the same value"));
  EXPECT_TRUE(
      contains(complaint({"training.load_best_model_at_end=true", "training.save_steps=50", "training.eval_steps=20"}),
               "50 is no multiple of training.eval_steps 20"));
  EXPECT_NO_THROW(
      parse(kSmall, {"training.load_best_model_at_end=true", "training.save_steps=40", "training.eval_steps=20"}));
  EXPECT_TRUE(contains(complaint({"data.validation=./t.jsonl"}), "is a training file too"));
  EXPECT_TRUE(contains(complaint({"data.test=t.jsonl"}), "is a training file too"));
  EXPECT_TRUE(contains(complaint({"lora.target_modules='(q_proj'"}), "regular expression"));
  EXPECT_NO_THROW(parse(kSmall, {"lora.target_modules='.*(q|v)_proj'"}));
}

TEST(TrainConfigs, AFileIsNamedInItsFaults) {
  const TemporaryFolder folder;
  write_file(folder / "run.yaml", std::string(kSmall) + "lora: {r: many}\n");
  const Error error = error_of([&] { read_train_config(folder / "run.yaml"); });
  EXPECT_EQ(error.place(), (folder / "run.yaml").string() + ":3:11: lora.r");
}

TEST(TrainConfigs, TheDocumentationListsTheSettingsOfToday) {
  const std::string page = read_file(std::filesystem::path(HONE_SOURCE_DIR) / "docs/configuration.md");
  EXPECT_TRUE(contains(page, train_config_markdown()))
      << "docs/configuration.md is behind; put this below its last heading of level 1:\n"
      << train_config_markdown();
}

}  // namespace
}  // namespace hone::recipe
