#include "model/rope.h"

#include <gtest/gtest.h>

#include "model/small_model.h"

namespace hone::model {
namespace {

std::unique_ptr<Decoder> dynamic_decoder() {
  DecoderConfig config = small_config();
  config.rope.type = "dynamic";
  config.rope.factor = 2;
  return Decoder::random(config, {}, 8);
}

std::vector<int32_t> sequence(int64_t length) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>((i * 7 + length) % 17));
  return ids;
}

// 32 positions are plain; longer sequences have frequencies of their own length.
TEST(DynamicRope, NoSequenceDependsOnItsNeighbours) {
  const at::NoGradGuard no_grad;
  const auto decoder = dynamic_decoder();
  const std::vector<std::vector<int32_t>> sequences = {sequence(20), sequence(90), sequence(40), sequence(32)};
  const PackedBatch batch = batch_of(sequences);
  const Tensor together = decoder->hidden(batch, {});
  for (size_t i = 0; i < sequences.size(); ++i) {
    const Tensor alone = dynamic_decoder()->hidden(batch_of({sequences[i]}), {});
    expect_equal(together.narrow(0, batch.cu_seqlens[i], alone.size(0)), alone, 1e-5, std::to_string(i));
  }
}

TEST(DynamicRope, FrequenciesChangeWithTheLength) {
  RopeTable table(dynamic_decoder()->config());
  const auto cos_at_nine = [&](int64_t length) {
    const std::vector<int64_t> cu_seqlens{0, 1}, positions{9};
    const RopeRows rows = table.rows(tensor_of(positions), cu_seqlens, std::vector<int64_t>{length});
    return rows.cos.select(0, rows.positions.item<int64_t>()).clone();
  };
  const Tensor plain = cos_at_nine(20);
  EXPECT_TRUE(cos_at_nine(32).equal(plain));
  EXPECT_FALSE(cos_at_nine(33).equal(plain));
  EXPECT_FALSE(cos_at_nine(90).equal(cos_at_nine(33)));
  EXPECT_TRUE(cos_at_nine(32).equal(plain)) << "a short sequence after a long one";
}

TEST(DynamicRope, CachedStepsOfABatchAreThoseOfEachAlone) {
  const auto decoder = dynamic_decoder();
  const std::vector<std::vector<int32_t>> prompts = {sequence(12), sequence(31)};
  const auto run = [&](const std::vector<size_t>& which) {
    std::vector<KvCache> caches;
    std::vector<KvCache*> pointers;
    std::vector<int64_t> lengths;
    for (const size_t i : which) {
      caches.push_back(decoder->make_cache(40));
      lengths.push_back(static_cast<int64_t>(prompts[i].size()));
    }
    std::vector<std::vector<int32_t>> chosen;
    for (const size_t i : which) chosen.push_back(prompts[i]);
    for (KvCache& cache : caches) pointers.push_back(&cache);
    decoder->step(batch_of(chosen), pointers);
    Tensor last;
    for (int64_t step = 0; step < 4; ++step) {
      PackedBatch batch = batch_of({which.size(), {3}});
      for (int64_t& length : lengths) ++length;
      batch.positions = tensor_of(lengths) - 1;
      last = decoder->step(batch, pointers);
    }
    return last;
  };
  const Tensor together = run({0, 1});
  expect_equal(together.narrow(0, 0, 1), run({0}), 1e-5, "the short one");
  expect_equal(together.narrow(0, 1, 1), run({1}), 1e-5, "the long one");
}

}  // namespace
}  // namespace hone::model
