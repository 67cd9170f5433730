#include "recipe/train_config.h"

#include <nlohmann/json.hpp>

#include "base/config/reader.h"
#include "base/config/writer.h"
#include "base/file.h"
#include "base/strings.h"
#include "recipe/train_config_checks.h"

namespace hone::recipe {
namespace {

void describe(Fields f, ModelConfig& c) {
  f.add("name_or_path", c.name_or_path, {.help = "folder of the pre-trained model", .required = true});
  f.add("torch_dtype", c.torch_dtype,
        {.help = "type of the model, as in transformers; decides compute_dtype where that is auto",
         .choices = {"auto", "float32", "bfloat16", "float16"}});
  f.add("compute_dtype", c.compute_dtype,
        {.help = "type of the arithmetic; auto: what this processor multiplies fastest",
         .choices = {"auto", "float32", "bfloat16"}});
  f.add("chat_template", c.chat_template,
        {.help = "name of a built-in chat template, or a .jinja file; empty: the tokenizer's own"});
  f.add("tokenizer", c.tokenizer, {.help = "folder or file of the tokenizer; empty: the model's folder"});
}

void describe(Fields f, DataConfig& c) {
  f.add("train", c.train, {.help = "training file, or a list of them", .required = true});
  f.add("validation", c.validation,
        {.help = "file, or the fraction of the training data to hold out; null: none", .above = 0, .below = 1});
  f.add("test", c.test, {.help = "file that is scored once, when training has ended; empty: none"});
  f.add("shape", c.shape, {.help = "record shape (`hone list shapes`); auto: recognise it"});
  f.add("max_length", c.max_length, {.help = "tokens of one example, chat template included", .min = 2});
  f.add("packing", c.packing,
        {.help = "examples side by side in one row instead of padding; they do not see each other"});
  f.add("on_too_long", c.on_too_long,
        {.help = "an example longer than max_length is cut at its end, left out, or an error",
         .choices = {"truncate", "skip", "error"}});
  f.add("shuffle", c.shuffle, {.help = "a new order each epoch, named by the seed"});
  f.add("train_on_prompt", c.train_on_prompt, {.help = "loss on all tokens instead of the assistant's alone"});
  f.add(
      "on_bad_record", c.on_bad_record,
      {.help = "a record that cannot be used stops the run, or is left out and counted", .choices = {"error", "skip"}});
}

void describe(Fields f, LoraConfig& c) {
  f.add("r", c.r, {.help = "rank of the update", .min = 1});
  f.add("lora_alpha", c.lora_alpha, {.help = "the update is scaled by lora_alpha / r", .above = 0});
  f.add("lora_dropout", c.lora_dropout,
        {.help = "probability with which an input of the update is zeroed in training", .min = 0, .below = 1});
  f.add(
      "target_modules", c.target_modules,
      {.help = "layers that get an update: list of name endings, all-linear, or a regular expression for the full name",
       .required = true});
  f.add("exclude_modules", c.exclude_modules,
        {.help = "layers left out of those: list of name endings, or a regular expression for the full name"});
  f.add("bias", c.bias,
        {.help = "biases that are trained: none, all of the model, or those of layers with an update",
         .choices = {"none", "all", "lora_only"}});
  f.add("use_rslora", c.use_rslora, {.help = "scale by lora_alpha / sqrt(r) instead (rsLoRA)"});
  f.add("modules_to_save", c.modules_to_save, {.help = "name endings of modules that are trained and saved in full"});
  f.add("ensure_weight_tying", c.ensure_weight_tying,
        {.help = "a tied embedding and head named there stay one weight; false: each becomes its own"});
  f.add("layers_to_transform", c.layers_to_transform,
        {.help = "numbers of the layers that get an update, from 0; empty: all", .min = 0});
  f.add("layers_pattern", c.layers_pattern,
        {.help = "regular expressions for what stands before those numbers; empty: any list of layers"});
  f.add("rank_pattern", c.rank_pattern,
        {.help = "own rank for modules whose name ends so or matches the regular expression", .min = 1});
  f.add("alpha_pattern", c.alpha_pattern, {.help = "own lora_alpha, likewise", .above = 0});
  f.add("init_lora_weights", c.init_lora_weights,
        {.help = "true: A Kaiming-uniform, B zero; gaussian: A normal, B zero; false: both random",
         .choices = {"true", "gaussian", "false"}});
  f.add("adapter_name_or_path", c.adapter_name_or_path,
        {.help = "adapter folder to go on from, with its own settings in place of these; empty: a fresh adapter"});
}

void describe(Fields f, QuantizationConfig& c) {
  f.add("load_in_4bit", c.load_in_4bit, {.help = "hold the frozen weights in 4 bits (QLoRA)"});
  f.add("load_in_8bit", c.load_in_8bit, {.help = "hold the frozen weights in 8 bits"});
  f.add("bnb_4bit_quant_type", c.bnb_4bit_quant_type,
        {.help = "values of the 4-bit codes: quantiles of the normal distribution, or small floats",
         .choices = {"nf4", "fp4"}});
  f.add("bnb_4bit_use_double_quant", c.bnb_4bit_use_double_quant,
        {.help = "the scales of the 4-bit blocks in 8 bits too: 0.52 instead of 0.56 bytes a weight"});
  f.add("bnb_4bit_compute_dtype", c.bnb_4bit_compute_dtype,
        {.help = "type of the arithmetic with 4-bit weights; auto: as model.compute_dtype says",
         .choices = {"auto", "float32", "bfloat16"}});
  f.add("modules_to_not_convert", c.modules_to_not_convert,
        {.help = "linear layers that stay as they are: list of name endings, or regular expressions"});
}

void describe(Fields f, PartialConfig& c) {
  f.add("freeze_first_layers", c.freeze_first_layers,
        {.help = "layers after so many are trained; null: unset", .min = 0});
  f.add("train_first_layers", c.train_first_layers, {.help = "so many layers at the beginning are trained", .min = 1});
  f.add("train_last_layers", c.train_last_layers, {.help = "so many layers at the end are trained", .min = 1});
  f.add("modules", c.modules,
        {.help = "of those layers (or of the model, if none are named) only these modules: list of names, or a regular "
                 "expression for the full name; empty: all"});
  f.add("embeddings", c.embeddings, {.help = "the token embedding is trained too"});
  f.add("head", c.head, {.help = "the head is trained too; where it is tied, that is the embedding"});
  f.add("norms", c.norms,
        {.help = "norm weights that are trained too, in whichever layer: none, the final one, or all",
         .choices = {"none", "final", "all"}});
  f.add("biases", c.biases, {.help = "every bias is trained too"});
}

void describe(Fields f, RegularizationConfig& c) {
  f.add("type", c.type, {.help = "none, l2_sp or ewc (`hone list regularizers`)", .required = true});
  f.add("lambda", c.lambda, {.help = "weight of the penalty, lambda / 2 · sum of squares", .min = 0});
  f.add("data", c.data, {.help = "ewc: file, or list of files, with examples of what is not to be forgotten"});
  f.add("max_samples", c.max_samples, {.help = "ewc: so many of them are looked at", .min = 1});
}

void describe(Fields f, DpoConfig& c) {
  f.add("beta", c.beta,
        {.help = "how dear it is to leave the reference: larger stays nearer; the τ of ipo", .above = 0});
  f.add("loss_type", c.loss_type,
        {.help = "what a pair's margin costs; objective: ipo means ipo",
         .choices = {"sigmoid", "robust", "hinge", "ipo"}});
  f.add("label_smoothing", c.label_smoothing,
        {.help = "how probable it is that a pair is the wrong way round; sigmoid (then cDPO) and robust",
         .min = 0,
         .below = 0.5});
  f.add("disable_dropout", c.disable_dropout,
        {.help = "lora.lora_dropout has no effect, so policy and reference begin equal"});
  f.add("precompute_ref_log_probs", c.precompute_ref_log_probs,
        {.help = "the reference's log-probabilities are computed once before training, and kept in a file"});
  f.add("reference_cache", c.reference_cache,
        {.help = "folder of those files, which runs may share; empty: reference/ in the run's folder"});
}

void describe_batches(Fields f, TrainingConfig& c) {
  f.add("output_dir", c.output_dir,
        {.help = "folder of the run: configuration, metrics, checkpoints, final weights", .required = true});
  f.add("num_train_epochs", c.num_train_epochs,
        {.help = "passes over the training data; fractions are allowed", .above = 0});
  f.add("max_steps", c.max_steps,
        {.help = "optimiser steps, whatever num_train_epochs says; -1: as the epochs give", .min = -1});
  f.add("per_device_train_batch_size", c.per_device_train_batch_size, {.help = "rows of one micro-batch", .min = 1});
  f.add("per_device_eval_batch_size", c.per_device_eval_batch_size,
        {.help = "rows of one batch in evaluation", .min = 1});
  f.add("group_by_length", c.group_by_length,
        {.help = "rows of like length into one micro-batch, the order still random; needs data.packing: false"});
  f.add("gradient_accumulation_steps", c.gradient_accumulation_steps,
        {.help = "micro-batches to one optimiser step", .min = 1});
}

void describe_optimizer(Fields f, TrainingConfig& c) {
  f.add("learning_rate", c.learning_rate,
        {.help = "highest learning rate; 1e-4 to 3e-4 suits LoRA, 1e-5 to 5e-5 training of all weights", .above = 0});
  f.add("weight_decay", c.weight_decay, {.help = "decoupled weight decay; not applied to biases and norms", .min = 0});
  f.add("adam_beta1", c.adam_beta1, {.help = "decay of the first moment", .min = 0, .below = 1});
  f.add("adam_beta2", c.adam_beta2, {.help = "decay of the second moment", .min = 0, .below = 1});
  f.add("adam_epsilon", c.adam_epsilon, {.help = "added to the root of the second moment", .above = 0});
  f.add("max_grad_norm", c.max_grad_norm, {.help = "gradients are scaled down to this norm; 0: never", .min = 0});
  f.add("optim", c.optim,
        {.help = "optimiser (`hone list optimizers`): adamw, or adamw_8bit with a quarter of its state",
         .required = true});
  f.add("lr_scheduler_type", c.lr_scheduler_type,
        {.help = "course of the learning rate (`hone list schedules`)", .required = true});
  f.add("warmup_ratio", c.warmup_ratio,
        {.help = "share of all steps in which the rate rises from 0; warmup_steps goes before it", .min = 0, .max = 1});
  f.add("warmup_steps", c.warmup_steps,
        {.help = "steps in which the rate rises from 0; null: warmup_ratio decides", .min = 0});
  f.add("min_lr_ratio", c.min_lr_ratio,
        {.help = "lowest rate of cosine_with_min_lr, as a fraction of learning_rate", .min = 0, .max = 1});
}

void describe_course(Fields f, TrainingConfig& c) {
  f.add("logging_steps", c.logging_steps, {.help = "steps between two lines of metrics", .min = 1});
  f.add("eval_strategy", c.eval_strategy,
        {.help = "when the validation data is scored; auto: if there is any, by steps or like save_strategy",
         .choices = {"auto", "no", "steps", "epoch"}});
  f.add("eval_steps", c.eval_steps, {.help = "steps between two evaluations; null: save_steps", .min = 1});
  f.add("save_strategy", c.save_strategy,
        {.help = "when a checkpoint is saved; unless no, the last step is saved too",
         .choices = {"no", "steps", "epoch"}});
  f.add("save_steps", c.save_steps, {.help = "steps between two checkpoints", .min = 1});
  f.add("save_total_limit", c.save_total_limit,
        {.help = "newest checkpoints kept, besides the best; null: all", .min = 1});
  f.add("save_seconds", c.save_seconds,
        {.help = "seconds between further checkpoints, of which the newest alone is kept, to resume from; 0: none",
         .min = 0});
  f.add("load_best_model_at_end", c.load_best_model_at_end,
        {.help = "the result is the checkpoint with the best metric, not the last one"});
  f.add("metric_for_best_model", c.metric_for_best_model,
        {.help = "metric that decides which checkpoint is best", .required = true});
  f.add("greater_is_better", c.greater_is_better,
        {.help = "direction of that metric; null: by its name (losses and perplexity fall)"});
  f.add("early_stopping_patience", c.early_stopping_patience,
        {.help = "evaluations without improvement before training stops; null: never", .min = 1});
  f.add("early_stopping_threshold", c.early_stopping_threshold,
        {.help = "what counts as an improvement of the metric", .min = 0});
  f.add("seed", c.seed, {.help = "names all random choices: initial weights, order, dropout", .min = 0});
  f.add("gradient_checkpointing", c.gradient_checkpointing,
        {.help = "recompute activations in the backward pass: less memory, about a third more time"});
  f.add("neftune_noise_alpha", c.neftune_noise_alpha,
        {.help = "noise on embeddings in training, 5 to 15 are usual (NEFTune); 0: none", .min = 0});
  f.add("save_dtype", c.save_dtype,
        {.help = "type of the weights in a model folder that is the result; auto: each as in the base",
         .choices = {"auto", "float32", "bfloat16", "float16"}});
  f.add("resume_from_checkpoint", c.resume_from_checkpoint,
        {.help = "checkpoint folder to continue from, or latest; empty: start anew"});
  f.add("eval_on_start", c.eval_on_start, {.help = "score the validation data before the first step"});
}

/// What other tools call these settings; offered when the name is met, never accepted in silence.
std::map<std::string, std::string> aliases() {
  return {
      {"adapter", "method"},
      {"base_model", "model.name_or_path"},
      {"batch_size", "training.per_device_train_batch_size"},
      {"checkpointing_steps", "training.save_steps"},
      {"cutoff_len", "data.max_length"},
      {"dataset", "data.train"},
      {"dtype", "model.torch_dtype"},
      {"early_stopping", "training.early_stopping_patience"},
      {"epochs", "training.num_train_epochs"},
      {"eval_batch_size", "training.per_device_eval_batch_size"},
      {"eval_file", "data.validation"},
      {"evaluation_strategy", "training.eval_strategy"},
      {"ewc_lambda", "regularization.lambda"},
      {"finetuning_type", "method"},
      {"freeze_layers", "partial.freeze_first_layers"},
      {"freeze_trainable_layers", "partial.train_last_layers"},
      {"freeze_trainable_modules", "partial.modules"},
      {"grad_accum", "training.gradient_accumulation_steps"},
      {"gradient_clipping", "training.max_grad_norm"},
      {"llm_int8_skip_modules", "quantization.modules_to_not_convert"},
      {"load_in_4bit", "quantization.load_in_4bit"},
      {"load_in_8bit", "quantization.load_in_8bit"},
      {"lora_r", "lora.r"},
      {"lora_rank", "lora.r"},
      {"lora_target", "lora.target_modules"},
      {"lora_target_modules", "lora.target_modules"},
      {"lr", "training.learning_rate"},
      {"lr_scheduler", "training.lr_scheduler_type"},
      {"max_seq_len", "data.max_length"},
      {"max_seq_length", "data.max_length"},
      {"micro_batch_size", "training.per_device_train_batch_size"},
      {"model_name", "model.name_or_path"},
      {"model_name_or_path", "model.name_or_path"},
      {"n_epochs", "training.num_train_epochs"},
      {"neftune_alpha", "training.neftune_noise_alpha"},
      {"num_epochs", "training.num_train_epochs"},
      {"optimizer", "training.optim"},
      {"output", "training.output_dir"},
      {"pref_beta", "dpo.beta"},
      {"pref_loss", "dpo.loss_type"},
      {"quantization_bit", "quantization.load_in_4bit"},
      {"random_seed", "training.seed"},
      {"rank", "lora.r"},
      {"report_to", "tracking"},
      {"sample_packing", "data.packing"},
      {"scheduler", "training.lr_scheduler_type"},
      {"sequence_len", "data.max_length"},
      {"train_file", "data.train"},
      {"train_on_inputs", "data.train_on_prompt"},
      {"training_file", "data.train"},
      {"val_set_size", "data.validation"},
      {"validation_file", "data.validation"},
      {"warmup", "training.warmup_ratio"},
  };
}

/// The writers only read through the list, which is made of pointers to mutable values.
Fields fields_of(TrainConfig& copy) {
  Fields fields;
  describe(fields, copy);
  return fields;
}

}  // namespace

void describe(Fields fields, TrainConfig& c) {
  describe(fields.section("model", "The pre-trained model to start from"), c.model);
  describe(fields.section("data", "What is learnt from, and how records become rows"), c.data);
  fields.add("method", c.method, {.help = "what is trained (`hone list methods`)", .required = true});
  fields.add("objective", c.objective, {.help = "the loss (`hone list objectives`)", .required = true});
  describe(fields.section("lora", "Low-rank adaptation (Hu et al. 2021), with the names of PEFT's LoraConfig"), c.lora);
  describe(fields.section("quantization", "Frozen weights in few bits, with the names of BitsAndBytesConfig"),
           c.quantization);
  describe(fields.section("partial", "What `method: partial` trains of the base's own weights"), c.partial);
  describe(fields.section("dpo",
                          "Preference optimisation, with the names of TRL's DPOConfig; read by objectives dpo and ipo"),
           c.dpo);
  const Fields training = fields.section("training", "The course of training, with the names of TrainingArguments");
  describe_batches(training, c.training);
  describe_optimizer(training, c.training);
  describe_course(training, c.training);
  describe(fields.section("regularization", "What holds trained weights near where they began"), c.regularization);
  fields.add("tracking", c.tracking,
             {.help = "where metrics go besides metrics.jsonl (`hone list trackers`); none or []: nowhere"});
}

std::string TrainConfig::resolved_eval_strategy() const {
  if (training.eval_strategy != "auto") return training.eval_strategy;
  if (!has_validation()) return "no";
  return training.save_strategy == "epoch" ? "epoch" : "steps";
}

bool TrainConfig::resolved_greater_is_better() const {
  const std::string& metric = training.metric_for_best_model;
  return training.greater_is_better.value_or(!ends_with(metric, "loss") && !ends_with(metric, "perplexity"));
}

TrainConfig parse_train_config(const std::string& text, const std::string& source,
                               const std::vector<std::string>& overrides) {
  TrainConfig config;
  const Fields fields = fields_of(config);
  ConfigReader reader(text, source, overrides, aliases());
  reader.read(fields);
  check_together(config, reader);
  reader.finish();
  return config;
}

TrainConfig read_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  return parse_train_config(read_file(file), file.string(), overrides);
}

std::string train_config_yaml(const TrainConfig& config) {
  TrainConfig copy = config;
  return config_yaml(fields_of(copy));
}

Json train_config_json(const TrainConfig& config) {
  TrainConfig copy = config;
  return config_json(fields_of(copy));
}

std::string train_config_markdown() {
  TrainConfig defaults;
  return config_markdown(fields_of(defaults));
}

}  // namespace hone::recipe
