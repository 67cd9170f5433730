// The whole model with its loss: every gradient against finite differences in float64, blocks of their own
// backward against composed ones, the chunked head against plain logits.
#include "model/decoder.h"

#include <ATen/ops/logsumexp.h>
#include <gtest/gtest.h>

#include "error_of.h"
#include "finite_differences.h"
#include "model/head_loss.h"
#include "model/small_model.h"

namespace hone::model {
namespace {

const std::vector<std::vector<int32_t>> kSequences = {{3, 1, 4, 1, 5}, {9}, {2, 6, 5, 3, 5, 8, 16}};

/// The id that follows within the sequence; some carry no loss.
Tensor targets_of(const std::vector<std::vector<int32_t>>& sequences) {
  std::vector<int64_t> targets;
  for (const auto& ids : sequences) {
    for (size_t i = 0; i < ids.size(); ++i) targets.push_back(i + 1 == ids.size() || i % 4 == 3 ? kIgnore : ids[i + 1]);
  }
  return tensor_of(targets);
}

/// All of a decoder's tensors; weights first, then adapters.
NamedTensors tensors_of(Decoder& decoder) {
  NamedTensors all;
  for (const auto& parameter : decoder.parameters()) {
    const bool idle = parameter.name.ends_with("k_proj.bias") && bias_is_idle(decoder.config(), "k");
    if (!idle) all.emplace_back(parameter.name, *parameter.tensor);
  }
  for (const Linear* linear : decoder.linears()) add_adapter(*linear, all);
  return all;
}

std::unique_ptr<Decoder> small_decoder(Likeness likeness, at::ScalarType type, bool tied) {
  begin_again();
  DecoderConfig config = small_config(likeness);
  config.tie_word_embeddings = tied;
  if (!tied) config.num_hidden_layers = 1;  // the head is what differs
  auto decoder = Decoder::random(config, {.compute_type = type}, 5);
  for (const auto& parameter : decoder->parameters()) {
    if (parameter.tensor->dim() == 1) parameter.tensor->add_(random_tensor({parameter.tensor->size(0)}, type, 0.2));
  }
  for (Linear* linear : decoder->linears()) attach_lora(*linear, type);
  return decoder;
}

/// Another decoder over the same tensors whose blocks are composed.
std::unique_ptr<Decoder> composed_twin(Decoder& decoder) {
  DecoderOptions options = decoder.options();
  options.composed_blocks = true;
  auto twin = Decoder::random(decoder.config(), options, 5);
  const auto weights = decoder.parameters(), places = twin->parameters();
  for (size_t i = 0; i < places.size(); ++i) twin->replace(places[i], *weights[i].tensor);
  const auto adapted = decoder.linears(), bare = twin->linears();
  for (size_t i = 0; i < bare.size(); ++i) bare[i]->lora = adapted[i]->lora;
  return twin;
}

Tensor loss_of(Decoder& decoder, bool recompute) {
  const StepContext context{.training = true, .dropout_key = 21, .recompute = recompute};
  return head_loss(decoder, decoder.hidden(batch_of(kSequences), context), targets_of(kSequences), context,
                   {.weight = 0.3})
      .loss;
}

void train_all(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) tensor.set_requires_grad(true);
}

constexpr Likeness kFamilies[] = {Likeness::kLlama, Likeness::kGpt2, Likeness::kOpt350};

class DecoderOf : public testing::TestWithParam<Likeness> {};

TEST_P(DecoderOf, EveryGradientEqualsFiniteDifferences) {
  for (const bool tied : {true, false}) {
    const auto decoder = small_decoder(GetParam(), at::kDouble, tied);
    const NamedTensors tensors = tensors_of(*decoder);
    train_all(tensors);
    const auto gradients = gradients_of(loss_of(*decoder, false), tensors);
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : tensors) {
      expect_gradient(
          gradients.at(name), tensor, [&] { return loss_of(*decoder, false).item<double>(); }, name);
    }
  }
}

TEST_P(DecoderOf, BothKindsOfBlocksGiveTheSameLossAndGradients) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    for (const bool adapters_alone : {true, false}) {
      const auto decoder = small_decoder(GetParam(), type, true), twin = composed_twin(*decoder);
      const NamedTensors tensors = tensors_of(*decoder);
      for (const auto& [name, tensor] : tensors) {
        tensor.set_requires_grad(!adapters_alone || name.find("lora") != std::string::npos);
      }
      const Tensor expected = loss_of(*decoder, false);
      const auto expected_gradients = gradients_of(expected, tensors);
      for (const auto& [which, recompute] : {std::pair{decoder.get(), true}, {twin.get(), false}, {twin.get(), true}}) {
        const std::string what =
            std::string(which == twin.get() ? "composed" : "fused") + (recompute ? ", recomputed" : "");
        const Tensor loss = loss_of(*which, recompute);
        expect_equal(loss, expected, rounding_of(type), what);
        expect_equal(gradients_of(loss, tensors), expected_gradients, rounding_of(type), what);
      }
    }
  }
}

TEST_P(DecoderOf, StepsGiveWhatTheWholeSequenceGives) {
  const auto decoder = small_decoder(GetParam(), at::kDouble, true);
  const std::vector<int32_t>& ids = kSequences[2];
  const Tensor whole = decoder->logits(decoder->hidden(batch_of({ids}), {}));
  KvCache cache = decoder->make_cache(static_cast<int64_t>(ids.size()));
  KvCache* const caches[] = {&cache};
  for (size_t begin = 0, count = 3; begin < ids.size(); begin += count, count = 1) {
    PackedBatch part =
        batch_of({{ids.begin() + static_cast<long>(begin), ids.begin() + static_cast<long>(begin + count)}});
    part.positions = part.positions + static_cast<int64_t>(begin);
    const Tensor logits = decoder->logits(decoder->step(part, caches));
    const Tensor expected = whole.narrow(0, static_cast<int64_t>(begin), static_cast<int64_t>(count));
    expect_equal(logits, expected, 1e-12, "from token " + std::to_string(begin));
  }
}

INSTANTIATE_TEST_SUITE_P(Decoder, DecoderOf, testing::ValuesIn(kFamilies), case_of);

TEST(Decoder, LearnedPositionsEnd) {
  const auto decoder = small_decoder(Likeness::kGpt2, at::kFloat, true);
  EXPECT_EQ(decoder->config().position_limit(), 32);
  decoder->hidden(batch_of({std::vector<int32_t>(32, 1), {1, 2}}), {});
  const std::string message = error_of([&] { decoder->hidden(batch_of({std::vector<int32_t>(33, 1)}), {}); }).what();
  EXPECT_TRUE(contains(message, "33 tokens")) << message;
  EXPECT_TRUE(contains(message, "32 positions")) << message;
}

TEST(PackEvenly, AddsNothingLongerThanTheLongest) {
  const std::vector<std::vector<int32_t>> many(201, {1});
  const PackedBatch batch = pack_evenly({many.begin(), many.end()}, c10::Device(c10::kCPU));
  ASSERT_EQ(even_rows(201), 204);
  EXPECT_EQ(batch.ids.size(0), 204);
  EXPECT_EQ(batch.cu_seqlens.back(), 204);
  EXPECT_EQ(batch.positions.max().item<int64_t>(), 0);
}

/// head_loss from plain operators, all logits at once.
Tensor composed_head_loss(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context,
                          double weight) {
  const Tensor rows = targets.ne(kIgnore).nonzero().squeeze(1);
  const Tensor normed = decoder.final_norm().forward_composed(hidden.index_select(0, rows));
  const auto& out = decoder.project_out();
  const Tensor logits = decoder.head().forward_composed(out ? out->forward_composed(normed, context) : normed, context);
  const Tensor wanted = targets.index_select(0, rows).unsqueeze(1);
  return (at::logsumexp(logits, {1}) - logits.gather(1, wanted).squeeze(1)).sum() * weight;
}

class HeadLossOf : public testing::TestWithParam<Likeness> {};

TEST_P(HeadLossOf, EqualsPlainLogitsAndCrossEntropy) {
  const auto decoder = small_decoder(GetParam(), at::kDouble, false);
  NamedTensors tensors;
  for (const auto& [name, tensor] : tensors_of(*decoder)) {
    for (const char* part : {"lm_head", "model.norm", "transformer.ln_f", "project_out"}) {
      if (contains(name, part)) tensors.emplace_back(name, tensor);
    }
  }
  // Head with adapter and: a norm's weight; that and a bias; a matrix with adapter.
  ASSERT_EQ(tensors.size(), GetParam() == Likeness::kLlama ? 4u : GetParam() == Likeness::kGpt2 ? 5u : 6u);
  const Tensor hidden = random_tensor({99, decoder->config().hidden_size}, at::kDouble);
  tensors.emplace_back("hidden", hidden);
  train_all(tensors);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 99; ++i) ids.push_back(i % 7 == 2 ? kIgnore : i * 5 % decoder->config().vocab_size);
  const Tensor targets = tensor_of(ids);
  // Dropout on the head falls anew in each chunk, so where there are several it is off.
  for (const bool several_chunks : {true, false}) {
    const StepContext context{.training = !several_chunks, .dropout_key = 4};
    const HeadLossOptions options{.weight = 0.7, .chunk_bytes = several_chunks ? 1 : 1 << 20};
    const HeadLoss mine = head_loss(*decoder, hidden, targets, context, options);
    const Tensor expected = composed_head_loss(*decoder, hidden, targets, context, 0.7);
    EXPECT_EQ(mine.tokens, 85);  // even_rows() makes them 86
    EXPECT_NEAR(mine.nll_sum * 0.7, expected.item<double>(), 1e-11);
    expect_equal(mine.loss, expected, 1e-13, "loss");
    // An objective may weigh the loss; its gradients follow.
    const auto gradients = gradients_of(mine.loss * 3, tensors);
    expect_equal(gradients, gradients_of(expected * 3, tensors), 1e-12, "gradients");
  }
}

/// token_logps from plain operators.
Tensor composed_logps(Decoder& decoder, const Tensor& hidden, const Tensor& targets, const StepContext& context) {
  const Tensor rows = targets.ne(kIgnore).nonzero().squeeze(1);
  const Tensor normed = decoder.final_norm().forward_composed(hidden.index_select(0, rows));
  const Tensor logits = decoder.head().forward_composed(normed, context);
  return logits.gather(1, targets.index_select(0, rows).unsqueeze(1)).squeeze(1) - at::logsumexp(logits, {1});
}

/// Every token has another weight, which is what sets it apart from head_loss.
TEST(TokenLogps, EqualPlainLogitsWhateverWeighsThem) {
  const auto decoder = small_decoder(Likeness::kLlama, at::kDouble, false);
  const Tensor hidden = random_tensor({99, decoder->config().hidden_size}, at::kDouble);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 99; ++i) ids.push_back(i % 7 == 2 ? kIgnore : i * 5 % decoder->config().vocab_size);
  const Tensor targets = tensor_of(ids), weights = random_tensor({85}, at::kDouble);
  for (const bool head_is_trained : {false, true}) {
    NamedTensors tensors{{"hidden", hidden}};
    for (const auto& [name, tensor] : tensors_of(*decoder)) {
      if (head_is_trained && (name.starts_with("lm_head") || name.starts_with("model.norm")))
        tensors.emplace_back(name, tensor);
    }
    ASSERT_EQ(tensors.size(), head_is_trained ? 5u : 1u);
    train_all(tensors);
    for (const bool several_chunks : {true, false}) {
      const std::string what = std::string(head_is_trained ? "trained" : "frozen") + (several_chunks ? ", chunks" : "");
      const StepContext context{.training = !several_chunks, .dropout_key = 4};
      const Tensor mine = token_logps(*decoder, hidden, targets, context, several_chunks ? 1 : 1 << 20);
      const Tensor expected = composed_logps(*decoder, hidden, targets, context);
      expect_equal(mine, expected, 1e-13, what);
      const auto gradients = gradients_of((mine * weights).sum(), tensors);
      expect_equal(gradients, gradients_of((expected * weights).sum(), tensors), 1e-12, what);
    }
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(token_logps(*decoder, hidden, targets, {}).requires_grad());
  }
}

INSTANTIATE_TEST_SUITE_P(HeadLoss, HeadLossOf, testing::ValuesIn(kFamilies), case_of);

}  // namespace
}  // namespace hone::model
