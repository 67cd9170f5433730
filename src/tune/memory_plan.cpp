#include "tune/memory_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "model/step_memory.h"
#include "tensor/device.h"
#include "tune/run_settings.h"

namespace hone::tune {
namespace {

/// Code and work space that the matrix library adds once it is used. Measured (docs/memory.md).
constexpr int64_t kLibraries = int64_t{32} << 20;

int64_t size_of(const Tensor& tensor) {
  return tensor.numel() * static_cast<int64_t>(tensor.element_size());
}

model::BatchShape shape_of(const Examples& examples, const std::vector<uint32_t>& sequences) {
  model::BatchShape shape;
  for (const uint32_t i : sequences) {
    shape.tokens += static_cast<int64_t>(examples[i].ids.size());
    shape.loss_rows += text::trained_targets(examples[i]);
  }
  shape.tokens = even_rows(shape.tokens);
  return shape;
}

/// The micro-batches of a run that can decide its peak: most tokens, most of them trained.
std::vector<model::BatchShape> largest_batches(const Examples& examples, const TrainerOptions& options) {
  constexpr uint64_t kEpochs = 16;  // later ones are further shuffles of the same rows
  const BatchPlan plan(examples, options.batch);
  const int64_t an_epoch = steps_per_epoch(plan, options), steps = total_steps(plan, options);
  const auto epochs = static_cast<uint64_t>((steps + an_epoch - 1) / an_epoch);
  model::BatchShape most_tokens, most_trained;
  for (uint64_t epoch = 0; epoch < std::min(kEpochs, epochs); ++epoch) {
    for (const auto& sequences : plan.epoch(epoch)) {
      const model::BatchShape shape = shape_of(examples, sequences);
      if (shape.tokens > most_tokens.tokens) most_tokens = shape;
      if (shape.loss_rows > most_trained.loss_rows) most_trained = shape;
    }
  }
  return {most_tokens, most_trained};
}

model::BatchShape largest_evaluation(const Examples& examples, int64_t rows, int64_t unit) {
  model::BatchShape largest;
  const auto step = static_cast<size_t>(rows * unit);
  for (size_t begin = 0; begin < examples.size(); begin += step) {
    std::vector<uint32_t> sequences;
    for (size_t i = begin; i < std::min(examples.size(), begin + step); ++i)
      sequences.push_back(static_cast<uint32_t>(i));
    const model::BatchShape shape = shape_of(examples, sequences);
    if (shape.tokens > largest.tokens) largest = shape;
  }
  return largest;
}

/// Weights as the decoder holds them, and copies of trained matrices in the type of the arithmetic.
int64_t weight_bytes(model::Decoder& decoder) {
  int64_t bytes = 0;
  for (const auto& parameter : decoder.parameters()) bytes += size_of(*parameter.tensor);
  const at::ScalarType type = decoder.options().compute_type;
  for (const model::Linear* linear : decoder.linears()) {
    if (linear->quantized)
      bytes += linear->quantized->bytes();
    else if (linear->weight.scalar_type() != type)
      bytes += linear->weight.numel() * static_cast<int64_t>(c10::elementSize(type));
  }
  return bytes;
}

/// How much of a frozen embedding that is used where it lies in its file never becomes memory: rows of tokens that the
/// data does not have. The system maps pages in groups around the one that is asked for.
int64_t untouched_bytes(model::Decoder& decoder, const RunData& data) {
  constexpr int64_t kGroup = 64 << 10;
  const model::DecoderConfig& config = decoder.config();
  const Tensor& table = *decoder.parameters().front().tensor;
  const bool in_place =
      !config.dtype.empty() && tensor::dtype_from_name(config.dtype, "config.json") == decoder.options().compute_type;
  if (config.tie_word_embeddings || table.requires_grad() || !in_place) return 0;
  std::vector<bool> seen(static_cast<size_t>(table.size(0)));
  int64_t distinct = 0;
  for (const Examples* examples : {&data.train, &data.validation, &data.test}) {
    for (const text::EncodedExample& example : *examples) {
      for (const int32_t id : example.ids) {
        const auto place = static_cast<size_t>(id);
        if (place < seen.size() && !seen[place]) seen[place] = true, ++distinct;
      }
    }
  }
  return size_of(table) - std::min(size_of(table), distinct * std::max(kGroup, size_of(table) / table.size(0)));
}

/// What is trained and is none of the base's own.
int64_t adapter_bytes(const NamedTensors& trained, model::Decoder& decoder) {
  std::set<const void*> own;
  for (const auto& parameter : decoder.parameters()) own.insert(parameter.tensor->unsafeGetTensorImpl());
  int64_t bytes = 0;
  for (const auto& [name, tensor] : trained) {
    if (own.count(tensor.unsafeGetTensorImpl()) == 0) bytes += size_of(tensor);
  }
  return bytes;
}

/// The most while weights are brought to the type of the arithmetic one after the other, each beside the pages of its
/// file: at the embedding, which comes first, or at the largest of the others, when all may be there.
int64_t loading_peak(model::Decoder& decoder, int64_t weights) {
  const std::string& name = decoder.config().dtype;
  const auto stored =
      static_cast<int64_t>(c10::elementSize(name.empty() ? at::kFloat : tensor::dtype_from_name(name, "config.json")));
  const auto parameters = decoder.parameters();
  const Tensor& embedding = *parameters.front().tensor;
  int64_t largest = 0;
  for (const auto& parameter : parameters) {
    if (parameter.tensor != parameters.front().tensor) largest = std::max(largest, parameter.tensor->numel() * stored);
  }
  for (const model::Linear* linear : decoder.linears())
    largest = std::max(largest, linear->quantized ? linear->quantized->rows * linear->quantized->cols * stored : 0);
  return std::max(size_of(embedding) + embedding.numel() * stored, weights + largest);
}

}  // namespace

std::vector<std::pair<std::string, int64_t>> MemoryPlan::classes() const {
  return {{"weights", weights},         {"adapters", adapters}, {"gradients", gradients}, {"optimizer", optimizer},
          {"activations", activations}, {"loss", loss},         {"reference", reference}, {"cache", cache},
          {"program", program}};
}

Json MemoryPlan::to_json() const {
  Json json = Json::object();
  for (const auto& [name, bytes] : classes()) json[name] = bytes;
  json["peak"] = peak;
  json["training"] = training;
  json["loading"] = loading;
  json["all_gradients"] = all_gradients;
  json["micro_batch_tokens"] = micro_batch_tokens;
  json["cache_bytes_per_token"] = cache_bytes_per_token;
  return json;
}

int64_t program_bytes() {
  return tensor::resident_bytes() + kLibraries;
}

MemoryPlan plan_memory(const recipe::TrainConfig& config, const ObjectiveKind& objective_kind, const RunData& data,
                       const c10::Device& device, int64_t program) {
  const MethodKind& kind = methods().at(config.method, "method").make;
  const std::filesystem::path folder = config.model.name_or_path;
  const auto stored = model::stored_quantization(folder);
  const at::ScalarType type = compute_type(config, device);
  const auto decoder = model::Decoder::outline(
      model::read_config(folder), {.compute_type = type, .quantization = stored ? stored : quantization(config)});
  const int64_t base_parameters = decoder->parameter_count();
  MethodOptions options = method_options(config);
  options.base_folder.clear();  // shapes are enough
  const auto method = kind.make(*decoder, options);
  const auto objective = objective_kind.make({.decoder = *decoder, .config = config});
  const NamedTensors trained = method->trainable();
  const auto optimizer =
      optimizer_named(config.training.optim, "training.optim").make.make(trained_tensors(trained, *decoder), {});

  MemoryPlan plan;
  plan.parameters = count_parameters(base_parameters, *method);
  plan.program = program;
  plan.weights = weight_bytes(*decoder) - (device.is_cpu() ? untouched_bytes(*decoder, data) : 0);
  plan.loading = std::max<int64_t>(0, program - kLibraries) +
                 (kind.trains_base ? plan.weights : loading_peak(*decoder, plan.weights));
  plan.adapters = adapter_bytes(trained, *decoder);
  plan.optimizer = optimizer->state_bytes();
  plan.reference = objective->reference_bytes();
  if (config.regularization.type != "none")
    plan.reference += Regularizer(trained, {config.regularization.type, config.regularization.lambda}).bytes();
  for (const auto& [name, tensor] : trained) plan.all_gradients += size_of(tensor);
  plan.cache_bytes_per_token = model::cache_bytes_per_token(decoder->config(), type);

  const TrainerOptions trainer = trainer_options(config, objective_kind);
  const model::StepSettings settings{.recompute = trainer.gradient_checkpointing,
                                     .accumulates = trainer.gradient_accumulation_steps > 1};
  model::StepBytes peak;
  const auto consider = [&](const model::BatchShape& batch, const model::StepBytes& moment) {
    plan.micro_batch_tokens = std::max(plan.micro_batch_tokens, batch.tokens);
    if (moment.total() > peak.total()) peak = moment;
  };
  for (const model::BatchShape& batch : largest_batches(data.train, trainer))
    consider(batch, model::step_peak(*decoder, batch, settings));
  if (trainer.eval_strategy != When::kNever || !data.test.empty()) {
    for (const Examples* examples : {&data.validation, &data.test}) {
      const model::BatchShape batch = largest_evaluation(*examples, trainer.eval_rows, trainer.batch.unit);
      if (batch.tokens > 0) consider(batch, model::forward_peak(*decoder, batch));
    }
  }
  plan.gradients = peak.gradients;
  plan.activations = peak.activations;
  plan.loss = peak.loss;
  for (const auto& [name, bytes] : plan.classes()) plan.training += bytes;
  plan.peak = std::max(plan.training, plan.loading);
  return plan;
}

}  // namespace hone::tune
