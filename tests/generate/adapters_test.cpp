// Many adapters in one batch: each answer is that of its adapter attached alone, to the bit, whatever runs beside it.
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "error_of.h"
#include "generate/small_adapters.h"

namespace hone::generate {
namespace {

using model::Likeness;

struct Answer {
  std::vector<int32_t> ids;
  std::vector<std::vector<float>> logits;
};

struct Asked {
  size_t length;
  std::shared_ptr<const model::AdapterWeights> adapter;
};

Request request_of(const Asked& asked, size_t number, const std::shared_ptr<Recorder>& recorder) {
  Request request;
  request.prompt = some_prompt(asked.length, number);
  request.adapter = asked.adapter;
  request.sampling.temperature = number % 2 == 0 ? 0 : 0.8;
  request.stop.max_new_tokens = 6 + static_cast<int64_t>(number);
  request.stream = number;
  request.constraint = recorder;
  return request;
}

/// Requests of the given numbers, added `apart` steps after each other.
std::map<size_t, Answer> run(model::Decoder& decoder, const std::vector<Asked>& asked,
                             const std::vector<size_t>& numbers, EngineOptions options, int apart = 0) {
  Engine engine(decoder, story_tokenizer(), options);
  std::map<uint64_t, size_t> by_id;
  std::map<size_t, std::shared_ptr<Recorder>> recorders;
  std::map<size_t, Answer> answers;
  const auto step = [&] {
    for (const Event& event : engine.step()) answers[by_id.at(event.id)].ids.push_back(event.token);
  };
  for (const size_t number : numbers) {
    recorders[number] = std::make_shared<Recorder>();
    by_id[engine.add(request_of(asked[number], number, recorders[number]))] = number;
    for (int i = 0; i < apart; ++i) step();
  }
  while (!engine.idle()) step();
  for (auto& [number, answer] : answers) answer.logits = recorders[number]->rows;
  return answers;
}

void expect_same(const Answer& mine, const Answer& expected, const std::string& what) {
  EXPECT_EQ(mine.ids, expected.ids) << what;
  ASSERT_EQ(mine.logits.size(), expected.logits.size()) << what;
  for (size_t i = 0; i < mine.logits.size(); ++i)
    ASSERT_EQ(mine.logits[i], expected.logits[i]) << what << ", token " << i;
}

struct Kind {
  Likeness likeness;
  at::ScalarType type;
  std::optional<tensor::QuantOptions> few_bits;
  std::string name;
};

std::vector<Kind> kinds() {
  using tensor::QuantType;
  return {{Likeness::kLlama, at::kFloat, {}, "LlamaFp32"},
          {Likeness::kLlama, at::kBFloat16, {}, "LlamaBf16"},
          {Likeness::kLlama, at::kFloat, tensor::QuantOptions{QuantType::kNf4, 64, true}, "LlamaNf4"},
          {Likeness::kLlama, at::kBFloat16, tensor::QuantOptions{QuantType::kInt8}, "LlamaInt8Bf16"},
          {Likeness::kGpt2, at::kFloat, {}, "Gpt2Fp32"},
          {Likeness::kGpt2, at::kBFloat16, {}, "Gpt2Bf16"},
          {Likeness::kOpt350, at::kFloat, {}, "OptFp32"}};
}

std::unique_ptr<model::Decoder> decoder_of(const Kind& kind) {
  std::optional<model::Quantization> few_bits;
  if (kind.few_bits) few_bits = model::Quantization{.options = *kind.few_bits};
  return small_decoder(kind.likeness, kind.type, few_bits);
}

/// The base, adapters of several ranks, two requests of one adapter that do not lie together.
std::vector<Asked> mixed(model::Decoder& decoder) {
  const auto one = small_adapter(decoder, 1, 1), five = small_adapter(decoder, 5, 2, true),
             many = small_adapter(decoder, 20, 3);
  return {{3, nullptr}, {11, one}, {1, five}, {40, many}, {9, one}, {8, nullptr}, {17, five}};
}

class AdaptersOf : public testing::TestWithParam<Kind> {};

TEST_P(AdaptersOf, AnswersAreTheSameAloneAndInAnyCompany) {
  const auto decoder = decoder_of(GetParam());
  const std::vector<Asked> asked = mixed(*decoder);
  const std::vector<size_t> all = {0, 1, 2, 3, 4, 5, 6};
  for (const int threads : {1, 2}) {
    tensor::set_threads(threads);
    const EngineOptions options{.prefill_chunk = 8}, narrow{.max_running = 3, .max_prefill = 9, .prefill_chunk = 8};
    std::map<size_t, Answer> alone;
    for (const size_t number : all) alone[number] = run(*decoder, asked, {number}, options)[number];
    const auto together = run(*decoder, asked, all, options), later = run(*decoder, asked, all, options, 2),
               turned = run(*decoder, asked, {6, 5, 4, 3, 2, 1, 0}, narrow);
    for (const size_t number : all) {
      const std::string what = format("request %zu, %d threads", number, threads);
      EXPECT_EQ(alone[number].ids.size(), 6 + number) << what;
      expect_same(together.at(number), alone[number], what + " together");
      expect_same(later.at(number), alone[number], what + " one after the other");
      expect_same(turned.at(number), alone[number], what + " in turned order");
    }
  }
  tensor::set_threads(1);
}

TEST_P(AdaptersOf, AnswersAreThoseOfTheAdapterAttached) {
  tensor::set_threads(1);
  const auto decoder = decoder_of(GetParam()), attached = decoder_of(GetParam());
  std::vector<Asked> asked = mixed(*decoder);
  const auto together = run(*decoder, asked, {0, 1, 2, 3, 4, 5, 6}, {});
  for (size_t number = 0; number < asked.size(); ++number) {
    const auto linears = attached->linears();
    for (model::Linear* linear : linears) {
      const model::Lora* update = asked[number].adapter ? asked[number].adapter->of(linear->index()) : nullptr;
      linear->lora = update != nullptr ? std::optional(*update) : std::nullopt;
    }
    const auto adapter = std::exchange(asked[number].adapter, nullptr);
    const Answer expected = run(*attached, asked, {number}, {})[number];
    asked[number].adapter = adapter;
    expect_same(together.at(number), expected, format("request %zu", number));
  }
  EXPECT_NE(together.at(1).logits[0], together.at(0).logits[0]);
}

INSTANTIATE_TEST_SUITE_P(Kinds, AdaptersOf, testing::ValuesIn(kinds()), [](const auto& of) { return of.param.name; });

TEST(Adapters, OneThatIsBrokenFailsItsOwnRequestAlone) {
  tensor::set_threads(1);
  const auto decoder = small_decoder(Likeness::kLlama);
  auto broken = small_adapter(*decoder, 2, 1);
  broken->updates[3]->lora_B.fill_(std::numeric_limits<float>::quiet_NaN());
  for (const double temperature : {0.0, 1.0}) {
    Engine engine(*decoder, story_tokenizer());
    Request good;
    good.prompt = some_prompt(5, 1);
    good.stop.max_new_tokens = 4;
    good.sampling.temperature = temperature;
    Request bad = good;
    bad.adapter = broken;
    const uint64_t first = engine.add(good), second = engine.add(bad), third = engine.add(good);
    std::map<uint64_t, std::vector<int32_t>> ids;
    std::map<uint64_t, Event> last;
    while (!engine.idle()) {
      for (Event& event : engine.step()) {
        ids[event.id].push_back(event.token);
        last[event.id] = event;
      }
    }
    EXPECT_EQ(ids[first].size(), 4u);
    EXPECT_EQ(ids[third], ids[first]);
    EXPECT_EQ(last[second].finish, FinishReason::kError);
    ASSERT_TRUE(last[second].error.has_value());
    EXPECT_TRUE(contains(last[second].error->what(), "not numbers"));
    EXPECT_EQ(ids[second], std::vector<int32_t>{-1});
  }
}

TEST(Adapters, LiveAsLongAsTheirRequest) {
  tensor::set_threads(1);
  const auto decoder = small_decoder(Likeness::kLlama);
  auto adapter = small_adapter(*decoder, 2, 1);
  const std::weak_ptr<model::AdapterWeights> watched = adapter;
  Engine engine(*decoder, story_tokenizer(), {.max_running = 1});
  Request request;
  request.prompt = some_prompt(5, 1);
  request.stop.max_new_tokens = 4;
  request.adapter = std::move(adapter);
  engine.add(request);
  const uint64_t waiting = engine.add(request);
  request.adapter = nullptr;
  for (int i = 0; i < 4; ++i) engine.step();
  EXPECT_EQ(engine.running() + engine.waiting(), 1u);
  EXPECT_FALSE(watched.expired());
  EXPECT_TRUE(engine.cancel(waiting));
  EXPECT_TRUE(watched.expired());
}

TEST(Adapters, OneOfAnotherModelIsRefused) {
  const auto decoder = small_decoder(Likeness::kLlama);
  Engine engine(*decoder, story_tokenizer());
  Request request;
  request.prompt = {3};
  request.adapter = small_adapter(*small_decoder(Likeness::kGpt2), 2, 1);
  EXPECT_EQ(error_of([&] { engine.add(request); }).place(), "adapter");
}

}  // namespace
}  // namespace hone::generate
