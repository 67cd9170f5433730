// Direct preference optimisation (Rafailov et al. 2023) and its relatives: of two answers to a prompt the chosen one
// is to gain more over a reference than the rejected one. Formulas in dpo_loss.h, names as in TRL's DPOConfig.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "tune/objectives/dpo_loss.h"
#include "tune/objectives/registry.h"
#include "tune/reference.h"
#include "tune/sequence_logps.h"

namespace hone::tune {
namespace {

/// Sequences come in twos, the chosen one first.
Tensor chosen_of(const Tensor& values) {
  return values.view({-1, 2}).select(1, 0);
}
Tensor rejected_of(const Tensor& values) {
  return values.view({-1, 2}).select(1, 1);
}

/// By how much two log-probabilities of one answer may differ when the weights are the same: sums in another order
/// (other neighbours in the batch), relative to what is summed.
double rounding(at::ScalarType type, double logp, double tokens) {
  return (type == at::kFloat || type == at::kDouble ? 1e-4 : 2e-2) * (std::abs(logp) + tokens);
}

class Dpo : public Objective {
 public:
  explicit Dpo(const ObjectiveContext& context)
      : decoder_(context.decoder),
        config_(context.config),
        show_progress_(context.show_progress),
        reference_(context.decoder) {
    bool drops = false;
    for (model::Linear* linear : decoder_.linears()) {
      if (!linear->lora) continue;
      if (config_.dpo.disable_dropout) linear->lora->dropout = 0;
      drops = drops || linear->lora->dropout > 0;
    }
    // An adapter that goes on with dropout differs from its start, on purpose; a fresh one is zero under any dropout.
    check_start_ = !drops || config_.lora.adapter_name_or_path.empty();
  }

  void prepare(const std::vector<const Examples*>& sets, const std::function<void(const std::string&)>& note) override;
  int64_t reference_bytes() const override {
    return config_.dpo.precompute_ref_log_probs ? 0 : reference_.bytes();  // let go before training begins
  }
  int64_t units(const Examples&, std::span<const uint32_t> sequences) const override {
    return static_cast<int64_t>(sequences.size()) / 2;
  }
  MicroLoss loss(const LossRequest& request) override;
  std::vector<std::pair<std::string, double>> evaluate(const Examples& examples, int64_t rows) override;

 private:
  void check_start(const LossRequest& request, const Tensor& policy, const Tensor& reference, const Tensor& tokens);

  model::Decoder& decoder_;
  const recipe::TrainConfig& config_;
  bool show_progress_;
  Reference reference_;
  bool check_start_;
};

void Dpo::prepare(const std::vector<const Examples*>& sets, const std::function<void(const std::string&)>& note) {
  if (!config_.dpo.precompute_ref_log_probs) return;
  const std::filesystem::path cache = config_.dpo.reference_cache;
  reference_.precompute(
      sets, {.folder = cache.empty() ? std::filesystem::path(config_.training.output_dir) / "reference" : cache,
             .base_folder = config_.model.name_or_path,
             .loaded_as = to_line(recipe::train_config_json(config_)["quantization"]),
             .sequences = 2 * config_.training.per_device_eval_batch_size,
             .show_progress = show_progress_,
             .note = note});
}

/// Before anything is trained, policy and reference are one model: every reward is 0 and the sigmoid loss ln 2.
void Dpo::check_start(const LossRequest& request, const Tensor& policy, const Tensor& reference, const Tensor& tokens) {
  const auto *mine = policy.const_data_ptr<double>(), *theirs = reference.const_data_ptr<double>();
  const auto* lengths = tokens.const_data_ptr<double>();
  for (int64_t i = 0; i < policy.numel(); ++i) {
    if (std::abs(mine[i] - theirs[i]) <= rounding(decoder_.options().compute_type, theirs[i], lengths[i])) continue;
    const data::Origin& origin = request.examples[request.sequences[static_cast<size_t>(i)]].origin;
    fail_work(
        "step 1",
        format("nothing is trained yet, but the model is not its reference: the %s answer of %s:%lu has "
               "log-probability %.6g, its reference %.6g, so rewards would not begin at 0",
               i % 2 == 0 ? "chosen" : "rejected", origin.file.c_str(), origin.line, mine[i], theirs[i]),
        reference_.precomputed()
            ? "remove the files in the reference folder (dpo.reference_cache): they are of another model"
            : "set dpo.disable_dropout: true, and a lora.init_lora_weights whose adapter changes nothing at first");
  }
}

MicroLoss Dpo::loss(const LossRequest& request) {
  const Tensor reference = reference_.sequence_logps(request.examples, request.sequences);
  const Tensor policy = sequence_logps(decoder_, request.examples, request.sequences, request.context);
  std::vector<int64_t> counts;
  for (const uint32_t i : request.sequences) counts.push_back(text::trained_targets(request.examples[i]));
  const Tensor tokens = tensor_of(counts).to(at::kDouble);
  if (request.step == 0 && check_start_ && request.context.embedding_noise == 0) {
    check_start(request, policy.detach(), reference, tokens);
    check_start_ = false;
  }
  const Tensor ratio = policy - reference;
  const Tensor losses = dpo_loss(config_.dpo, {.chosen = chosen_of(ratio),
                                               .rejected = rejected_of(ratio),
                                               .chosen_tokens = chosen_of(tokens),
                                               .rejected_tokens = rejected_of(tokens)});
  const auto sum = [](const Tensor& values) { return values.sum().item<double>(); };
  const Tensor rewards = config_.dpo.beta * ratio.detach();
  const Tensor chosen = chosen_of(rewards), rejected = rejected_of(rewards);
  MicroLoss result;
  result.loss = losses.sum() * request.scale;
  result.figures = {.loss = sum(losses.detach()),
                    .units = losses.numel(),
                    .others = {{"rewards/chosen", sum(chosen)},
                               {"rewards/rejected", sum(rejected)},
                               {"rewards/margins", sum(chosen - rejected)},
                               {"rewards/accuracies", sum(chosen.gt(rejected).to(at::kDouble))},
                               {"logps/chosen", sum(chosen_of(policy.detach()))},
                               {"logps/rejected", sum(rejected_of(policy.detach()))}}};
  return result;
}

std::vector<std::pair<std::string, double>> Dpo::evaluate(const Examples& examples, int64_t rows) {
  const at::NoGradGuard no_grad;
  Figures figures;
  std::vector<uint32_t> sequences;
  for (uint32_t i = 0; i < examples.size(); ++i) {
    sequences.push_back(i);
    if (i + 1 < examples.size() && sequences.size() < 2 * static_cast<size_t>(rows)) continue;
    figures.add(loss({.examples = examples, .sequences = sequences, .context = {}}).figures);
    sequences.clear();
  }
  return figures.means();
}

std::vector<text::EncodedExample> encode(const text::ChatEncoder& encoder, const data::Example& example) {
  if (!example.rejected) {
    fail_input(format("%s:%lu", example.origin.file.c_str(), example.origin.line),
               "has one answer, and a preference is between two",
               "write {\"prompt\": …, \"chosen\": …, \"rejected\": …}, or use objective: sft");
  }
  return encoder.encode_branches(example);
}

}  // namespace

void register_objective_dpo(Registry<ObjectiveKind>& registry) {
  // ipo is dpo with dpo.loss_type: ipo, which the configuration sets.
  for (const auto& [name, summary] :
       {std::pair{"dpo", "of two answers, the chosen one gains over a reference (Rafailov et al. 2023); dpo.loss_type"},
        {"ipo", "the same with the squared loss of Azar et al. 2023 on means a token"}}) {
    registry.add({name,
                  summary,
                  {.encode = encode,
                   .make = [](const ObjectiveContext& context) -> std::unique_ptr<Objective> {
                     return std::make_unique<Dpo>(context);
                   },
                   .branches = {"chosen", "rejected"}}});
  }
}

}  // namespace hone::tune
