#include "generate/engine.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "tensor/device.h"

namespace hone::generate {
namespace {

const std::string kFolder = HONE_SOURCE_DIR "/tests/data/tinystories-260k";

/// A real model of 260 thousand parameters; loaded once.
struct Stories {
  // For matrices of 64 columns a second thread only waits.
  Stories() { tensor::set_threads(1); }
  std::unique_ptr<model::Decoder> decoder = model::Decoder::load(kFolder, {});
  text::Tokenizer tokenizer = text::Tokenizer::load(kFolder);

  Request request(const std::string& prompt, int64_t max_new_tokens = 40) const {
    Request made;
    made.prompt = tokenizer.encode(prompt, {.add_special_tokens = true});
    made.stop = {{2}, {}, max_new_tokens};
    return made;
  }
  std::vector<Completion> run(const std::vector<Request>& requests, EngineOptions options = {}) const {
    return generate_all(*decoder, tokenizer, requests, options);
  }
};

const Stories& stories() {
  static const Stories loaded;
  return loaded;
}

const std::vector<std::string> kPrompts = {
    "Once upon a time",    "Tom", "The little dog ran to the park because he was very",
    "Lily's mom said, \"", "",    "It was a sunny day and"};

std::vector<Request> requests(double temperature = 0) {
  std::vector<Request> all;
  for (const std::string& prompt : kPrompts) {
    all.push_back(stories().request(prompt));
    all.back().sampling.temperature = temperature;
    all.back().stream = all.size();
  }
  return all;
}

TEST(Engine, GreedyTextIsThePublishedOne) {
  const Json golden = read_json(kFolder + "/greedy.json");
  Request request = stories().request(golden.at("prompt"), golden.at("steps"));
  EXPECT_EQ(request.prompt, golden.at("start_ids").get<std::vector<int32_t>>());
  const Completion completion = stories().run({request}).at(0);
  const auto ids = golden.at("ids").get<std::vector<int32_t>>();
  EXPECT_EQ(completion.ids, std::vector<int32_t>(ids.begin() + 1, ids.end()));  // the first is BOS
  EXPECT_EQ(completion.text, golden.at("expected_text"));
}

TEST(Engine, BatchingChangesNoToken) {
  for (const double temperature : {0.0, 0.9}) {
    const auto together = stories().run(requests(temperature));
    const auto narrow = stories().run(requests(temperature), {.max_running = 2, .max_prefill = 5});
    for (size_t i = 0; i < kPrompts.size(); ++i) {
      const Completion alone = stories().run({requests(temperature)[i]}).at(0);
      EXPECT_EQ(together[i].ids, alone.ids) << kPrompts[i];
      EXPECT_EQ(narrow[i].ids, alone.ids) << kPrompts[i];
      EXPECT_EQ(together[i].text, alone.text) << kPrompts[i];
    }
  }
}

TEST(Engine, LateRequestsJoinAndCancelledOnesLeave) {
  const auto expected = stories().run(requests());
  Engine engine(*stories().decoder, stories().tokenizer);
  std::map<uint64_t, std::vector<int32_t>> ids;
  const auto step = [&] {
    for (const Event& event : engine.step()) ids[event.id].push_back(event.token);
  };
  const uint64_t first = engine.add(requests()[0]), cancelled = engine.add(requests()[1]);
  for (int i = 0; i < 7; ++i) step();
  const uint64_t late = engine.add(requests()[2]);
  step();
  EXPECT_EQ(engine.running(), 3u);
  EXPECT_TRUE(engine.cancel(cancelled));
  EXPECT_FALSE(engine.cancel(cancelled));
  const uint64_t waiting = engine.add(requests()[3]);
  EXPECT_TRUE(engine.cancel(waiting));
  while (!engine.idle()) step();
  EXPECT_EQ(ids[first], expected[0].ids);
  EXPECT_EQ(ids[late], expected[2].ids);
  EXPECT_EQ(ids[cancelled].size(), 8u);
  EXPECT_EQ(ids.count(waiting), 0u);
}

TEST(Engine, SameSeedSameDrawsAndOtherSeedOthers) {
  auto sampled = requests(1.0);
  const auto first = stories().run(sampled), second = stories().run(sampled);
  for (Request& request : sampled) ++request.seed;
  const auto other = stories().run(sampled);
  size_t different = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].ids, second[i].ids);
    different += first[i].ids != other[i].ids;
  }
  EXPECT_GT(different, 3u);
  sampled.assign(2, requests(1.0)[0]);
  sampled[1].stream = 99;
  const auto twins = stories().run(sampled);
  EXPECT_NE(twins[0].ids, twins[1].ids);
}

TEST(Engine, TextIsTheDecodedIdsAndThePiecesJoined) {
  Engine engine(*stories().decoder, stories().tokenizer);
  for (Request& request : requests(1.2)) engine.add(std::move(request));
  std::map<uint64_t, std::vector<int32_t>> ids;
  std::map<uint64_t, std::string> pieces;
  size_t finished = 0;
  while (!engine.idle()) {
    for (const Event& event : engine.step()) {
      ids[event.id].push_back(event.token);
      pieces[event.id] += event.text;
      if (event.finish == FinishReason::kNone) continue;
      ++finished;
      EXPECT_EQ(event.answer, stories().tokenizer.decode(ids[event.id], {.skip_special_tokens = true}));
      if (event.answer.find("\uFFFD") == std::string::npos) {
        EXPECT_EQ(event.answer, pieces[event.id]);
      }
    }
  }
  EXPECT_EQ(finished, kPrompts.size());
}

TEST(Engine, StopsOnStringsTokensAndLength) {
  Request request = stories().request("", 60);
  request.stop.strings = {"big, red ball"};
  Completion completion = stories().run({request}).at(0);
  EXPECT_EQ(completion.finish, FinishReason::kStop);
  EXPECT_TRUE(completion.text.ends_with("One day, she saw a ")) << completion.text;
  request.stop.strings.clear();
  request.stop.ids = {completion.ids.back()};
  const Completion by_token = stories().run({request}).at(0);
  EXPECT_EQ(by_token.finish, FinishReason::kStop);
  EXPECT_EQ(by_token.ids.back(), completion.ids.back());
  request.stop.ids.clear();
  request.stop.max_new_tokens = 3;
  completion = stories().run({request}).at(0);
  EXPECT_EQ(completion.finish, FinishReason::kLength);
  EXPECT_EQ(completion.ids.size(), 3u);
}

TEST(Engine, ContextLimitEndsAnAnswer) {
  Request request = stories().request("Once upon a time", 100);
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  const Completion completion = stories().run({request}, {.context_limit = prompt + 5}).at(0);
  EXPECT_EQ(completion.finish, FinishReason::kLength);
  // The last token needs no position of its own.
  EXPECT_EQ(completion.ids.size(), 6u);
  EXPECT_THROW(stories().run({request}, {.context_limit = prompt}), Error);
}

// The cached steps must give what one pass over the whole sequence gives.
TEST(Engine, EveryTokenIsTheLargestLogitOfAFullPass) {
  const at::NoGradGuard no_grad;
  const Request request = stories().request(kPrompts[2], 100);
  std::vector<int32_t> ids = request.prompt;
  const Completion completion = stories().run({request}).at(0);
  ids.insert(ids.end(), completion.ids.begin(), completion.ids.end());
  const auto batch = model::pack({ids}, c10::Device(c10::kCPU));
  const Tensor best = stories().decoder->logits(stories().decoder->hidden(batch, {})).argmax(1);
  for (size_t i = request.prompt.size(); i < ids.size(); ++i) {
    EXPECT_EQ(best.const_data_ptr<int64_t>()[i - 1], ids[i]) << i;
  }
}

TEST(Engine, RefusesWhatItCannotRun) {
  Engine engine(*stories().decoder, stories().tokenizer);
  Request request = stories().request("a");
  request.prompt = {1, 512};
  EXPECT_THROW(engine.add(request), Error);
  request.prompt = {1, -1};
  EXPECT_THROW(engine.add(request), Error);
  request.prompt = {};
  EXPECT_THROW(engine.add(request), Error);
  request = stories().request("a", 0);
  EXPECT_THROW(engine.add(request), Error);
  EXPECT_TRUE(engine.idle());
}

}  // namespace
}  // namespace hone::generate
