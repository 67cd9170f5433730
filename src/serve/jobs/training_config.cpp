#include "serve/jobs/training_config.h"

#include "base/file.h"
#include "serve/jobs/hyperparameters.h"

namespace hone::serve {
namespace {

constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kRawText = R"jinja(
{%- for message in messages %}
    {%- if message['role'] == 'assistant' and not loop.last %}
        {{- raise_exception('a prompt of several turns needs /v1/fine_tuning/jobs and a chat template') }}
    {%- elif message['role'] == 'assistant' %}
        {%- generation %}{{ message['content'] + eos_token }}{% endgeneration %}
    {%- else %}
        {{- message['content'] }}
    {%- endif %}
{%- endfor %})jinja";

}  // namespace

void write_raw_template(const std::filesystem::path& folder) {
  write_file(folder / kTemplateFile, kRawText);
}

recipe::TrainConfig training_config(const JobRecord& job, const std::filesystem::path& folder, bool validates,
                                    const std::filesystem::path& base, const std::filesystem::path& start,
                                    const JobSettings& settings) {
  const Hyperparameters values = hyperparameters_from(job.hyperparameters);
  const bool preference = job.method == "dpo";
  recipe::TrainConfig config;
  config.model.name_or_path = base;
  config.model.compute_dtype = settings.compute_dtype;
  config.model.chat_template = settings.chat_template;
  config.quantization.load_in_8bit = settings.quantization == "int8";
  config.quantization.load_in_4bit = !settings.quantization.empty() && !config.quantization.load_in_8bit;
  if (config.quantization.load_in_4bit) config.quantization.bnb_4bit_quant_type = settings.quantization;
  config.quantization.bnb_4bit_use_double_quant = config.quantization.load_in_4bit && settings.double_quant;
  if (std::filesystem::exists(folder / kTemplateFile)) config.model.chat_template = (folder / kTemplateFile).string();
  config.data.train = {folder / "train.jsonl"};
  if (validates) config.data.validation = (folder / "validation.jsonl").string();
  config.data.max_length = settings.max_length;
  config.data.packing = false;  // batch_size counts examples
  config.method = "lora";
  config.lora.r = settings.lora_rank;
  config.lora.lora_alpha = 2 * static_cast<double>(settings.lora_rank);
  config.lora.adapter_name_or_path = start;
  config.objective = preference ? "dpo" : "sft";
  if (values.beta) config.dpo.beta = *values.beta;
  recipe::TrainingConfig& training = config.training;
  training.output_dir = folder / "run";
  training.num_train_epochs = static_cast<double>(values.n_epochs.value_or(3));
  training.per_device_train_batch_size = values.batch_size.value_or(1);
  training.learning_rate =
      (preference ? settings.dpo_learning_rate : settings.learning_rate) * values.learning_rate_multiplier.value_or(1);
  training.logging_steps = 1;
  training.save_strategy = "epoch";
  training.save_seconds = settings.save_seconds;
  training.eval_strategy = validates ? "epoch" : "no";
  training.seed = job.seed;
  config.tracking = {};
  return config;
}

}  // namespace hone::serve
