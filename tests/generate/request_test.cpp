// What a request may ask beyond tokens: log-probabilities, biases, constraints, shared prompts; and what it may not
// keep others from.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "error_of.h"
#include "generate/small_adapters.h"

namespace hone::generate {
namespace {

struct Stories {
  Stories() { tensor::set_threads(1); }
  std::unique_ptr<model::Decoder> decoder = model::Decoder::load(kStories, {});

  Request request(const std::string& prompt, int64_t max_new_tokens = 10) const {
    Request made;
    made.prompt = story_tokenizer().encode(prompt, {.add_special_tokens = true});
    made.stop = {{2}, {}, max_new_tokens};
    return made;
  }
  std::map<uint64_t, std::vector<Event>> run(Engine& engine) const {
    std::map<uint64_t, std::vector<Event>> events;
    while (!engine.idle()) {
      for (Event& event : engine.step()) events[event.id].push_back(event);
    }
    return events;
  }
  std::vector<Event> run(Request request, EngineOptions options = {}) const {
    Engine engine(*decoder, story_tokenizer(), options);
    engine.add(std::move(request));
    return run(engine).at(1);
  }
};

const Stories& stories() {
  static const Stories loaded;
  return loaded;
}

std::vector<int32_t> ids_of(const std::vector<Event>& events) {
  std::vector<int32_t> ids;
  for (const Event& event : events) ids.push_back(event.token);
  return ids;
}

/// log-softmax of the logits of one pass over the whole sequence, [T, V] in fp64.
Tensor full_pass(std::vector<int32_t> prompt, const std::vector<int32_t>& answer) {
  const at::NoGradGuard no_grad;
  prompt.insert(prompt.end(), answer.begin(), answer.end());
  const auto batch = model::pack({prompt}, c10::Device(c10::kCPU));
  return stories().decoder->logits(stories().decoder->hidden(batch, {})).to(at::kDouble).log_softmax(1);
}

void expect_row(const TokenLogprob& got, const Tensor& row, size_t top) {
  const auto* expected = row.const_data_ptr<double>();
  EXPECT_NEAR(got.logprob, expected[got.token], 1e-4);
  ASSERT_EQ(got.top.size(), top);
  for (size_t i = 0; i < top; ++i) {
    EXPECT_NEAR(got.top[i].second, expected[got.top[i].first], 1e-4);
    if (i > 0) {
      EXPECT_LE(got.top[i].second, got.top[i - 1].second);
    }
  }
  if (top > 0) {
    EXPECT_EQ(got.top[0].first, row.argmax().item<int64_t>());
  }
}

TEST(Logprobs, AreTheModelsOwnWhateverIsDrawn) {
  Request request = stories().request("Once upon a time there was", 12);
  request.logprobs = 5;
  request.prompt_logprobs = true;
  request.sampling = {.temperature = 1.7, .top_k = 40, .repetition_penalty = 1.3, .logit_bias = {{300, 3.0}}};
  const auto events = stories().run(request, {.prefill_chunk = 3});
  const Tensor expected = full_pass(request.prompt, ids_of(events));
  ASSERT_EQ(events[0].prompt_logprobs.size(), request.prompt.size() - 1);
  for (size_t i = 0; i + 1 < request.prompt.size(); ++i) {
    EXPECT_EQ(events[0].prompt_logprobs[i].token, request.prompt[i + 1]);
    expect_row(events[0].prompt_logprobs[i], expected[static_cast<int64_t>(i)], 5);
  }
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_TRUE(events[i].logprob.has_value());
    EXPECT_EQ(events[i].logprob->token, events[i].token);
    expect_row(*events[i].logprob, expected[static_cast<int64_t>(request.prompt.size() + i - 1)], 5);
    EXPECT_TRUE(i == 0 || events[i].prompt_logprobs.empty());
  }
}

TEST(Logprobs, NoneAndTwentyAndTooMany) {
  Request request = stories().request("Tom", 2);
  EXPECT_FALSE(stories().run(request)[0].logprob.has_value());
  request.logprobs = 0;
  EXPECT_TRUE(stories().run(request)[0].logprob->top.empty());
  request.logprobs = 20;
  EXPECT_EQ(stories().run(request)[0].logprob->top.size(), 20u);
  for (const int wrong : {-1, 21}) {
    request.logprobs = wrong;
    EXPECT_EQ(error_of([&] { stories().run(request); }).place(), "logprobs");
  }
}

TEST(Logprobs, EqualsGoToTheLowerIdAndInfinityCountsNothing) {
  const float none = -std::numeric_limits<float>::infinity();
  const std::vector<float> logits = {1, none, 3, 3, 0};
  const TokenLogprob made = token_logprob(logits, 4, 3);
  const double sum = std::log(std::exp(1.0) + 2 * std::exp(3.0) + 1);
  EXPECT_NEAR(made.logprob, -sum, 1e-6);
  EXPECT_EQ(made.top[0].first, 2);
  EXPECT_EQ(made.top[1].first, 3);
  EXPECT_EQ(made.top[2].first, 0);
  EXPECT_NEAR(made.top[0].second, 3 - sum, 1e-6);
  EXPECT_EQ(token_logprob(logits, 0, 20).top.size(), 5u);
}

TEST(LogitBias, ForcesAndBansTokens) {
  Request request = stories().request("Once upon a time", 4);
  const int32_t likeliest = stories().run(request)[0].token;
  request.sampling.logit_bias = {{likeliest, -100}};
  EXPECT_NE(stories().run(request)[0].token, likeliest);
  request.sampling.logit_bias = {{400, 100}};
  EXPECT_EQ(ids_of(stories().run(request)), std::vector<int32_t>(4, 400));
  for (const auto& [id, bias] : {std::pair{512, 1.0}, std::pair{-1, 1.0}, std::pair{3, 101.0}, std::pair{3, -101.0}}) {
    request.sampling.logit_bias = {{id, bias}};
    EXPECT_EQ(error_of([&] { stories().run(request); }).place(), "logit_bias");
  }
}

/// Only tokens of a list, in that order; then nothing more.
struct Script final : Constraint {
  explicit Script(std::vector<int32_t> wanted) : tokens(std::move(wanted)) {}
  void mask(std::span<float> logits) override {
    for (size_t i = 0; i < logits.size(); ++i) {
      if (static_cast<int32_t>(i) != tokens.at(at)) logits[i] = -std::numeric_limits<float>::infinity();
    }
  }
  void accept(int32_t token) override {
    if (token != tokens.at(at)) fail_work("script", "another token came");
    ++at;
  }
  bool may_end() const override { return at == early; }
  bool finished() const override { return at == tokens.size(); }
  std::vector<int32_t> tokens;
  size_t at = 0, early = 99;
};

TEST(Constraints, BindGreedyAndDrawnAnswers) {
  for (const double temperature : {0.0, 1.5}) {
    Request request = stories().request("Once upon a time");
    request.sampling = {.temperature = temperature, .top_k = 1, .top_p = 0.5, .repetition_penalty = 1.2};
    request.constraint = std::make_shared<Script>(std::vector<int32_t>{300, 301, 302});
    const auto events = stories().run(request);
    EXPECT_EQ(ids_of(events), (std::vector<int32_t>{300, 301, 302, 2}));
    EXPECT_EQ(events.back().finish, FinishReason::kStop);
  }
}

TEST(Constraints, DecideWhenAnAnswerMayEnd) {
  Request request = stories().request("Once upon a time");
  request.sampling.logit_bias = {{2, 100}};  // it would stop at once
  auto script = std::make_shared<Script>(std::vector<int32_t>{300, 301, 302});
  script->early = 2;
  request.constraint = script;
  EXPECT_EQ(ids_of(stories().run(request)), (std::vector<int32_t>{300, 301, 2}));
  // Without a token that stops an answer it ends with the last that may come.
  request.stop.ids.clear();
  request.constraint = std::make_shared<Script>(std::vector<int32_t>{300, 301, 302});
  const auto events = stories().run(request);
  EXPECT_EQ(ids_of(events), (std::vector<int32_t>{300, 301, 302}));
  EXPECT_EQ(events.back().finish, FinishReason::kStop);
}

/// Rules out everything.
struct Nothing final : Constraint {
  void mask(std::span<float> logits) override {
    std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
  }
  void accept(int32_t) override {}
  bool may_end() const override { return false; }
  bool finished() const override { return false; }
};

TEST(Constraints, OneThatAllowsNothingFailsItsOwnRequest) {
  Engine engine(*stories().decoder, story_tokenizer());
  Request request = stories().request("Once upon a time");
  const uint64_t good = engine.add(request);
  request.constraint = std::make_shared<Nothing>();
  const uint64_t bad = engine.add(request);
  const auto events = stories().run(engine);
  EXPECT_EQ(events.at(good).size(), 10u);
  ASSERT_EQ(events.at(bad).size(), 1u);
  EXPECT_EQ(events.at(bad)[0].finish, FinishReason::kError);
}

TEST(Prompts, ALongOneDoesNotHoldUpOthers) {
  const auto decoder = small_decoder(model::Likeness::kLlama);
  Engine engine(*decoder, story_tokenizer(), {.max_prefill = 8, .prefill_chunk = 8});
  const auto ask = [&](size_t length) {
    Request request;
    request.prompt = some_prompt(length, length);
    request.stop.max_new_tokens = 50;
    return engine.add(std::move(request));
  };
  const uint64_t running = ask(3);
  ASSERT_EQ(engine.step().size(), 1u);
  const uint64_t large = ask(60), small = ask(4);
  std::map<uint64_t, int> first;
  for (int step = 1; step <= 20; ++step) {
    bool advanced = false;
    for (const Event& event : engine.step()) {
      advanced |= event.id == running;
      first.try_emplace(event.id, step);
    }
    EXPECT_TRUE(advanced) << step;
  }
  EXPECT_EQ(first.at(large), 8);  // eight chunks
  EXPECT_LE(first.at(small), 9);
}

TEST(Prompts, ShortOnesTakeTurnsWithLongOnes) {
  const auto decoder = small_decoder(model::Likeness::kLlama);
  Engine engine(*decoder, story_tokenizer(), {.max_prefill = 16, .prefill_chunk = 8});
  Request request;
  request.prompt = some_prompt(100, 1);
  engine.add(request);
  request.prompt = some_prompt(6, 2);
  const uint64_t small = engine.add(request);
  const auto events = engine.step();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, small);
}

TEST(Prompts, SharedWorkChangesNoAnswer) {
  for (const int64_t chunk : {4, 512}) {
    Request request = stories().request("The little dog ran to the park because", 15);
    request.sampling.temperature = 1;
    request.logprobs = 2;
    request.prompt_logprobs = true;
    const EngineOptions options{.max_running = 3, .max_prefill = 4, .prefill_chunk = chunk};
    Engine engine(*stories().decoder, story_tokenizer(), options);
    std::vector<uint64_t> ids;
    for (uint64_t i = 0; i < 5; ++i) {
      request.stream = i;
      request.shares_prompt_with = ids.empty() ? 0 : ids.front();
      ids.push_back(engine.add(request));
    }
    const auto events = stories().run(engine);
    for (uint64_t i = 0; i < 5; ++i) {
      request.stream = i;
      request.shares_prompt_with = 0;
      const auto alone = stories().run(request, options);
      EXPECT_EQ(ids_of(events.at(ids[i])), ids_of(alone)) << i;
      const auto &mine = events.at(ids[i])[0].prompt_logprobs, &expected = alone[0].prompt_logprobs;
      ASSERT_EQ(mine.size(), expected.size());
      for (size_t t = 0; t < mine.size(); ++t) EXPECT_EQ(mine[t].logprob, expected[t].logprob);
    }
  }
}

TEST(Prompts, AnotherPromptOrAdapterSharesNothing) {
  Engine engine(*stories().decoder, story_tokenizer());
  Request request = stories().request("Tom");
  const uint64_t first = engine.add(request);
  Request other = stories().request("Once upon a time");
  other.shares_prompt_with = first;
  const uint64_t second = engine.add(other);
  Request adapted = request;
  adapted.adapter = small_adapter(*stories().decoder, 3, 1);
  adapted.shares_prompt_with = first;
  const uint64_t third = engine.add(adapted);
  const auto events = stories().run(engine);
  other.shares_prompt_with = adapted.shares_prompt_with = 0;
  EXPECT_EQ(ids_of(events.at(second)), ids_of(stories().run(other)));
  EXPECT_EQ(ids_of(events.at(third)), ids_of(stories().run(adapted)));
}

TEST(Cancel, TakesExactlyTheOneThatIsMeant) {
  for (size_t victim = 0; victim < 4; ++victim) {
    for (const int when : {0, 1, 3}) {
      Engine engine(*stories().decoder, story_tokenizer(), {.max_running = 2});
      std::vector<uint64_t> ids;
      for (const char* prompt : {"Once", "Tom", "Lily", "It was"}) ids.push_back(engine.add(stories().request(prompt)));
      std::map<uint64_t, std::vector<Event>> events;
      for (int i = 0; i < when; ++i) {
        for (Event& event : engine.step()) events[event.id].push_back(event);
      }
      EXPECT_TRUE(engine.cancel(ids[victim]));
      EXPECT_EQ(engine.running() + engine.waiting(), 3u);
      EXPECT_FALSE(engine.cancel(ids[victim]));
      EXPECT_FALSE(engine.cancel(999));
      const size_t before = events[ids[victim]].size();
      for (auto& [id, more] : stories().run(engine)) {
        for (Event& event : more) events[id].push_back(event);
      }
      for (size_t i = 0; i < 4; ++i)
        EXPECT_EQ(events[ids[i]].size(), i == victim ? before : 10u) << victim << when << i;
    }
  }
}

}  // namespace
}  // namespace hone::generate
