// Losses of pairs against their formulas, gradients through a whole model against finite differences, and the
// reference: what it remembers, keeps in files, and how a start that is not its own is noticed.
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "base/file.h"
#include "error_of.h"
#include "finite_differences.h"
#include "model/small_model.h"
#include "temporary_folder.h"
#include "tune/objectives/dpo_loss.h"
#include "tune/objectives/registry.h"
#include "tune/reference.h"
#include "tune/sequence_logps.h"

namespace hone::tune {
namespace {

const char* const kLossTypes[] = {"sigmoid", "robust", "hinge", "ipo"};

double log_sigmoid(double x) {
  return -std::log1p(std::exp(-x));
}

/// One pair by the formulas of the papers, with nothing of dpo_loss.cpp.
double expected_loss(const recipe::DpoConfig& c, double w, double l, double tokens_w, double tokens_l) {
  const double x = c.beta * (w - l), e = c.label_smoothing;
  if (c.loss_type == "sigmoid") return -(1 - e) * log_sigmoid(x) - e * log_sigmoid(-x);
  if (c.loss_type == "robust") return (-(1 - e) * log_sigmoid(x) + e * log_sigmoid(-x)) / (1 - 2 * e);
  if (c.loss_type == "hinge") return std::max(0.0, 1 - x);
  const double h = w / tokens_w - l / tokens_l - 1 / (2 * c.beta);
  return h * h;
}

TEST(DpoLoss, EveryTypeIsItsFormula) {
  const std::vector<double> chosen = {0, 1.5, -30, 200, 3, -7.25}, rejected = {0, -2.5, 4, -100, 3.5, 11};
  const auto tensor = [](std::vector<double> values) {
    Tensor made = at::ones({static_cast<int64_t>(values.size())}, at::kDouble);
    std::copy(values.begin(), values.end(), made.mutable_data_ptr<double>());
    return made;
  };
  const Tensor ones = at::ones({6}, at::kDouble);
  const LogRatios ratios{tensor(chosen), tensor(rejected), ones * 5, ones * 8};
  for (const char* type : kLossTypes) {
    for (const double smoothing : {0.0, 0.2}) {
      for (const double beta : {0.1, 2.0}) {
        const recipe::DpoConfig config{.beta = beta, .loss_type = type, .label_smoothing = smoothing};
        const Tensor losses = dpo_loss(config, ratios);
        for (int64_t i = 0; i < 6; ++i) {
          const double expected =
              expected_loss(config, chosen[static_cast<size_t>(i)], rejected[static_cast<size_t>(i)], 5, 8);
          EXPECT_NEAR(losses[i].item<double>(), expected, 1e-13 * std::max(1.0, std::abs(expected))) << type << i;
        }
      }
    }
  }
}

/// Pairs of one prompt with answers of different lengths; the prompt is not trained.
Examples pairs() {
  const std::vector<std::vector<int32_t>> ids = {{3, 1, 4, 1, 5}, {3, 1, 9, 2}, {2, 6, 5, 3, 5, 8, 16},
                                                 {2, 6, 7},       {11, 12, 13}, {11, 12, 1, 10, 4}};
  Examples examples;
  for (const auto& sequence : ids) {
    text::EncodedExample example{.ids = sequence, .trained = {}, .origin = {"pairs.jsonl", examples.size() / 2 + 1, 0}};
    for (size_t i = 0; i < sequence.size(); ++i) example.trained.push_back(i >= 2);
    examples.push_back(example);
  }
  return examples;
}

const std::vector<uint32_t> kAll = {0, 1, 2, 3, 4, 5};

/// A decoder whose adapters (and, for full, weights) are trained, and what is.
struct Policy {
  std::unique_ptr<model::Decoder> decoder;
  model::NamedTensors trained;

  explicit Policy(bool full, bool fresh = true, at::ScalarType type = at::kDouble) {
    model::begin_again();
    decoder = model::Decoder::random(model::small_config(), {.compute_type = type}, 5);
    if (full) {
      for (const auto& parameter : decoder->parameters()) trained.emplace_back(parameter.name, *parameter.tensor);
    } else {
      for (model::Linear* linear : decoder->linears()) {
        if (linear == &decoder->head()) continue;
        model::attach_lora(*linear, type);
        if (fresh) linear->lora->lora_B.zero_();
        model::add_adapter(*linear, trained);
      }
    }
    for (const auto& [name, tensor] : trained) tensor.set_requires_grad(true);
  }
  /// As training would, after the objective was made.
  void change() const {
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : trained)
      tensor.add_(model::random_tensor(tensor.sizes().vec(), tensor.scalar_type(), 0.1));
  }
};

std::unique_ptr<Objective> dpo(model::Decoder& decoder, const recipe::TrainConfig& config) {
  return objectives().at("dpo", "test").make.make({.decoder = decoder, .config = config});
}

TEST(Dpo, BeginsAtLnTwoWithRewardsOfZero) {
  const Examples examples = pairs();
  for (const bool full : {false, true}) {
    for (const bool fresh : {true, false}) {
      const Policy policy(full, fresh);
      const recipe::TrainConfig config;
      const auto objective = dpo(*policy.decoder, config);
      const auto result =
          objective->loss({.examples = examples, .sequences = kAll, .context = {.training = true}, .step = 0});
      EXPECT_EQ(result.figures.units, 3);
      EXPECT_EQ(objective->units(examples, kAll), 3);
      EXPECT_NEAR(result.figures.loss, 3 * std::numbers::ln2, 1e-12);
      for (const char* name : {"rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"})
        EXPECT_EQ(result.figures.others.at(name), 0) << name;
      EXPECT_LT(result.figures.others.at("logps/chosen"), -1);
    }
  }
}

TEST(Dpo, EveryGradientEqualsFiniteDifferences) {
  const Examples examples = pairs();
  for (const bool full : {false, true}) {
    for (const char* type : kLossTypes) {
      const Policy policy(full);
      recipe::TrainConfig config;
      config.dpo = {.beta = 0.4, .loss_type = type, .label_smoothing = std::string(type) == "robust" ? 0.1 : 0};
      const auto objective = dpo(*policy.decoder, config);
      policy.change();
      const auto loss = [&] {
        return objective->loss({.examples = examples, .sequences = kAll, .context = {}, .scale = 1.0 / 3}).loss;
      };
      const auto gradients = model::gradients_of(loss(), policy.trained);
      const at::NoGradGuard no_grad;
      // The small tensors of one layer: what the others get comes the same way (tests/model has them all).
      for (const auto& [name, tensor] : policy.trained) {
        if (tensor.numel() > (full ? 14 : 20) || name.find(".1.") != std::string::npos) continue;
        expect_gradient(
            gradients.at(name), tensor, [&] { return loss().item<double>(); }, type + (" " + name), 1e-7);
      }
    }
  }
}

TEST(Dpo, APairKnowsNothingOfItsNeighbours) {
  const Examples examples = pairs();
  const Policy policy(false);
  const recipe::TrainConfig config;
  const auto objective = dpo(*policy.decoder, config);
  policy.change();
  const auto losses = [&](const std::vector<uint32_t>& sequences) {
    return objective->loss({.examples = examples, .sequences = sequences, .context = {}}).figures;
  };
  Figures alone;
  for (const uint32_t first : {0u, 2u, 4u}) alone.add(losses({first, first + 1}));
  const Figures together = losses(kAll);
  EXPECT_NEAR(together.loss, alone.loss, 1e-12);
  for (const auto& [name, sum] : together.others) EXPECT_NEAR(sum, alone.others.at(name), 1e-11) << name;
  const auto evaluated = objective->evaluate(examples, 2);
  EXPECT_EQ(evaluated[0].first, "loss");
  EXPECT_NEAR(evaluated[0].second, together.loss / 3, 1e-12);
  for (const auto& [name, sum] : together.others) {
    EXPECT_TRUE(std::any_of(evaluated.begin(), evaluated.end(), [&, key = name, mean = sum / 3](const auto& figure) {
      return figure.first == key && std::abs(figure.second - mean) < 1e-11;
    })) << name;
  }
}

TEST(Dpo, DropoutIsOffUnlessAskedForAndAnAdapterThatActsIsNoticed) {
  const Examples examples = pairs();
  recipe::TrainConfig config;
  const auto first = [&](bool fresh) {
    const Policy policy(false, fresh);
    const auto objective = dpo(*policy.decoder, config);
    return objective
        ->loss({.examples = examples, .sequences = kAll, .context = {.training = true, .dropout_key = 3}, .step = 0})
        .figures.loss;
  };
  EXPECT_NEAR(first(false), 3 * std::numbers::ln2, 1e-12);
  config.dpo.disable_dropout = false;
  EXPECT_NEAR(first(true), 3 * std::numbers::ln2, 1e-12);  // lora_B is zero, so what A drops does not matter
  const Error error = error_of([&] { first(false); });
  EXPECT_EQ(error.kind(), ErrorKind::kFailure);
  EXPECT_TRUE(contains(error.message(), "the chosen answer of pairs.jsonl:1")) << error.message();
  EXPECT_TRUE(contains(error.remedy(), "dpo.disable_dropout"));
  config.lora.adapter_name_or_path = "another";  // an adapter that goes on with dropout does so on purpose
  EXPECT_GT(std::abs(first(false) - 3 * std::numbers::ln2), 1e-6);
}

TEST(StartWeights, AreThereWhileAskedForAndGoneAfterwards) {
  const Examples examples = pairs();
  for (const bool full : {false, true}) {
    const Policy policy(full, /*fresh=*/false);
    const at::NoGradGuard no_grad;
    const auto logps = [&] { return sequence_logps(*policy.decoder, examples, kAll, {}); };
    const Tensor before = logps();
    StartWeights start(*policy.decoder);
    const std::string kept = start.fingerprint();
    policy.change();
    const Tensor after = logps();
    EXPECT_GT((after - before).abs().max().item<double>(), 1e-3);
    Tensor seen;
    start.with([&] { seen = logps(); });
    EXPECT_TRUE(seen.equal(before));
    EXPECT_TRUE(logps().equal(after));
    EXPECT_EQ(start.fingerprint(), kept);
    EXPECT_THROW(start.with([] { throw std::runtime_error("in the middle"); }), std::runtime_error);
    EXPECT_TRUE(logps().equal(after));
    EXPECT_NE(StartWeights(*policy.decoder).fingerprint(), kept);
  }
}

TEST(StartWeights, OfTrainedWeightsInAnotherTypeAreWhatTheArithmeticSaw) {
  const Examples examples = pairs();
  const Policy stored(true, true, at::kFloat);
  // As method full makes them: float32 leaves, arithmetic in bfloat16.
  auto decoder = model::Decoder::random(model::small_config(), {.compute_type = at::kBFloat16}, 5);
  const auto from = stored.decoder->parameters(), to = decoder->parameters();
  for (size_t i = 0; i < to.size(); ++i) decoder->replace(to[i], *from[i].tensor);
  const at::NoGradGuard no_grad;
  const Tensor before = sequence_logps(*decoder, examples, kAll, {});
  StartWeights start(*decoder);
  stored.change();
  EXPECT_FALSE(sequence_logps(*decoder, examples, kAll, {}).equal(before));
  Tensor seen;
  start.with([&] { seen = sequence_logps(*decoder, examples, kAll, {}); });
  EXPECT_TRUE(seen.equal(before));
}

TEST(Reference, FilesAreReusedVerifiedAndNeverMistaken) {
  const Examples examples = pairs();
  const TemporaryFolder folder;
  const std::filesystem::path base = HONE_SOURCE_DIR "/tests/data/tinystories-260k";
  std::vector<std::string> notes;
  const auto values = [&](const Policy& policy, const Examples& set) {
    Reference reference(*policy.decoder);
    reference.precompute(
        {&set}, {.folder = folder.path(), .base_folder = base, .sequences = 4, .note = [&](const std::string& text) {
                   notes.push_back(text);
                 }});
    EXPECT_TRUE(reference.precomputed());
    policy.change();  // the start is over, and what was kept counts
    return reference.sequence_logps(set, kAll);
  };
  const auto was_read = [&] { return contains(notes.back(), "from "); };
  const Policy policy(false, false);
  Reference direct(*policy.decoder);
  const Tensor expected = direct.sequence_logps(examples, kAll);

  const Tensor first = values(policy, examples);
  EXPECT_FALSE(was_read());
  EXPECT_LE((first - expected).abs().max().item<double>(), 1e-12);
  EXPECT_TRUE(values(Policy(false, false), examples).equal(first));
  EXPECT_TRUE(was_read());
  values(Policy(false, true), examples);  // another start on the same base
  EXPECT_FALSE(was_read());
  Examples other = examples;
  other[3].ids[2] = 8;
  values(Policy(false, false), other);
  EXPECT_FALSE(was_read());
  EXPECT_EQ(error_of([&] {
              Reference reference(*policy.decoder);
              reference.precompute({&examples},
                                   {.folder = folder.path(), .base_folder = base, .note = [](const std::string&) {}});
              reference.sequence_logps(other, kAll);
            }).kind(),
            ErrorKind::kFailure);

  // A value that was altered in the file does not count.
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    std::string text = read_file(entry.path());
    text.replace(text.rfind('.'), 2, ".0");
    write_file(entry.path(), text.substr(0, text.size()));
  }
  EXPECT_TRUE(values(Policy(false, false), examples).equal(first));
}

}  // namespace
}  // namespace hone::tune
