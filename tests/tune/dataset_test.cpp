#include "tune/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "model/head_loss.h"

namespace hone::tune {
namespace {

Examples examples_of(const std::vector<int64_t>& lengths) {
  Examples examples;
  for (const int64_t length : lengths) {
    text::EncodedExample example;
    for (int64_t i = 0; i < length; ++i) {
      example.ids.push_back(static_cast<int32_t>(100 * examples.size() + static_cast<size_t>(i)));
      example.trained.push_back(i % 3 != 0);
    }
    examples.push_back(example);
  }
  return examples;
}

std::vector<int64_t> random_lengths(size_t count, int64_t longest) {
  RandomStream random(1);
  std::vector<int64_t> lengths(count);
  for (int64_t& length : lengths) length = 1 + static_cast<int64_t>(random.below(static_cast<uint64_t>(longest)));
  return lengths;
}

TEST(Packing, HoldsEveryExampleOnceAndNeverMoreThanFits) {
  const auto lengths = random_lengths(2000, 700);
  const auto bins = pack_best_fit(lengths, 600);
  std::vector<uint32_t> seen;
  for (const auto& bin : bins) {
    const int64_t used =
        std::accumulate(bin.begin(), bin.end(), int64_t{0}, [&](int64_t sum, uint32_t i) { return sum + lengths[i]; });
    EXPECT_TRUE(used <= 600 || bin.size() == 1) << used;
    seen.insert(seen.end(), bin.begin(), bin.end());
  }
  std::sort(seen.begin(), seen.end());
  std::vector<uint32_t> all(lengths.size());
  std::iota(all.begin(), all.end(), 0u);
  EXPECT_EQ(seen, all);
}

TEST(Packing, WastesLittle) {
  const auto lengths = random_lengths(5000, 300);
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  const auto bins = pack_best_fit(lengths, 1024);
  EXPECT_LE(static_cast<double>(bins.size()) * 1024, 1.01 * static_cast<double>(total) + 1024);
}

TEST(BatchPlan, PairsStayTogetherAndCountAsOne) {
  const auto examples = examples_of(random_lengths(200, 60));
  for (const bool packing : {true, false}) {
    const BatchPlan plan(examples, {.packing = packing, .max_length = 200, .rows = 3, .unit = 2, .shuffle = true});
    if (!packing) {
      EXPECT_EQ(plan.rows(), 100);
    }
    std::vector<uint32_t> seen;
    for (const auto& batch : plan.epoch(1)) {
      ASSERT_EQ(batch.size() % 2, 0u);
      int64_t tokens = 0;
      for (size_t i = 0; i < batch.size(); i += 2) {
        EXPECT_EQ(batch[i] % 2, 0u);
        EXPECT_EQ(batch[i + 1], batch[i] + 1);
        seen.push_back(batch[i]);
        tokens += static_cast<int64_t>(examples[batch[i]].ids.size() + examples[batch[i + 1]].ids.size());
      }
      if (packing) {
        EXPECT_LE(tokens, 3 * 200);
      }
    }
    std::sort(seen.begin(), seen.end());
    for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(seen.at(i), 2 * i);
  }
}

TEST(BatchPlan, EachEpochHoldsEachExampleOnceInAnOrderOfItsOwn) {
  const auto examples = examples_of(random_lengths(300, 200));
  const BatchPlan plan(examples, {.packing = true, .max_length = 256, .rows = 3, .shuffle = true, .seed = 7});
  const auto flat = [&](uint64_t epoch) {
    std::vector<uint32_t> all;
    for (const auto& batch : plan.epoch(epoch)) all.insert(all.end(), batch.begin(), batch.end());
    return all;
  };
  EXPECT_EQ(static_cast<int64_t>(plan.epoch(0).size()), plan.micro_batches());
  EXPECT_EQ(flat(0), flat(0));
  EXPECT_NE(flat(0), flat(1));
  auto sorted = flat(3);
  std::sort(sorted.begin(), sorted.end());
  for (uint32_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], i);
}

/// The rule of transformers' get_length_grouped_indices, said again in the plainest way.
TEST(BatchPlan, GroupsByLengthAsTransformersDoes) {
  for (const size_t count : {size_t{5}, size_t{63}, size_t{1700}}) {
    const auto lengths = random_lengths(count, 400);
    const auto examples = examples_of(lengths);
    BatchOptions options{.packing = false, .rows = 4, .shuffle = true, .seed = 7};
    const auto flat = [&] {
      std::vector<uint32_t> all;
      for (const auto& batch : BatchPlan(examples, options).epoch(2)) all.insert(all.end(), batch.begin(), batch.end());
      return all;
    };
    std::vector<uint32_t> expected = flat();  // shuffled alone
    options.group_by_length = true;
    const size_t stretch = 4 * std::max<size_t>(1, std::min<size_t>(count / 16, 50));
    size_t best = 0;
    for (size_t begin = 0; begin < count; begin += stretch) {
      std::stable_sort(expected.begin() + static_cast<long>(begin),
                       expected.begin() + static_cast<long>(std::min(begin + stretch, count)),
                       [&](uint32_t a, uint32_t b) { return lengths[a] > lengths[b]; });
      if (lengths[expected[begin]] > lengths[expected[best]]) best = begin;
    }
    std::swap(expected[0], expected[best]);
    EXPECT_EQ(flat(), expected);
    EXPECT_EQ(lengths[expected[0]], *std::max_element(lengths.begin(), lengths.end()));
  }
}

TEST(MicroBatch, TargetsNeverCrossExamples) {
  const auto examples = examples_of({4, 1, 5});
  const MicroBatch micro = make_micro_batch(examples, {2, 1, 0}, c10::Device(c10::kCPU));
  const std::vector<int64_t> targets(micro.targets.const_data_ptr<int64_t>(),
                                     micro.targets.const_data_ptr<int64_t>() + 10);
  const int64_t none = model::kIgnore;
  EXPECT_EQ(targets, (std::vector<int64_t>{201, 202, none, 204, none, none, 1, 2, none, none}));
  EXPECT_EQ(micro.batch.cu_seqlens, (std::vector<int64_t>{0, 5, 6, 10}));
  EXPECT_EQ(micro.tokens, 10);
  EXPECT_EQ(micro.trained, 5);
}

TEST(MicroBatch, LongBatchesAreFilledToOneShapeWithoutLoss) {
  const auto examples = examples_of({600, 30});
  const MicroBatch micro = make_micro_batch(examples, {0, 1}, c10::Device(c10::kCPU));
  EXPECT_EQ(micro.tokens, 630);
  EXPECT_EQ(micro.batch.ids.size(0), 640);
  EXPECT_EQ(micro.batch.cu_seqlens, (std::vector<int64_t>{0, 600, 630, 640}));
  for (int64_t i = 629; i < 640; ++i) EXPECT_EQ(micro.targets.const_data_ptr<int64_t>()[i], model::kIgnore);
}

TEST(Fingerprint, SeesEveryIdAndMask) {
  Examples examples = examples_of({5, 6});
  const std::string before = data_fingerprint(examples);
  examples[1].trained[2] ^= 1;
  EXPECT_NE(data_fingerprint(examples), before);
  examples[1].trained[2] ^= 1;
  EXPECT_EQ(data_fingerprint(examples), before);
  std::swap(examples[0], examples[1]);
  EXPECT_NE(data_fingerprint(examples), before);
}

}  // namespace
}  // namespace hone::tune
