#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// Known answers of philox4x32 with 10 rounds, from the Random123 distribution's kat_vectors.
TEST(Philox, GivesThePublishedAnswers) {
  const std::array<uint32_t, 4> zeros = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), zeros);
  constexpr uint32_t kOnes = 0xffffffff;
  const std::array<uint32_t, 4> ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}), ones);
  const std::array<uint32_t, 4> digits_of_pi = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}), digits_of_pi);
}

TEST(RandomStreams, APositionNamesTheRestOfTheStream) {
  RandomStream whole(7, 3);
  for (int i = 0; i < 11; ++i) whole.next_u32();
  RandomStream resumed(7, 3, whole.position());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(whole.next_u32(), resumed.next_u32());
}

TEST(RandomStreams, SeedAndStreamEachChangeTheNumbers) {
  EXPECT_NE(RandomStream(1, 0).next_u64(), RandomStream(2, 0).next_u64());
  EXPECT_NE(RandomStream(1, 0).next_u64(), RandomStream(1, 1).next_u64());
  EXPECT_NE(RandomStream(1, 0).next_u64(), RandomStream(1, uint64_t{1} << 32).next_u64());
  EXPECT_NE(RandomStream(1, 0).next_u64(), RandomStream(1 | uint64_t{1} << 32, 0).next_u64());
}

TEST(RandomStreams, UniformHasItsMomentsAndStaysBelowOne) {
  RandomStream random(42);
  constexpr int kCount = 200'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
    squares += value * value;
  }
  // Five standard errors of the mean (sigma^2 = 1/12) and of the second moment (sigma^2 = 4/45).
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kCount));
}

TEST(RandomStreams, NormalHasItsMoments) {
  RandomStream random(42, 1);
  constexpr int kCount = 200'000;
  double sum = 0, squares = 0, fourths = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal();
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
  }
  // Variances of x, x^2 and x^4 are 1, 2 and 96.
  EXPECT_NEAR(sum / kCount, 0, 5 * std::sqrt(1.0 / kCount));
  EXPECT_NEAR(squares / kCount, 1, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourths / kCount, 3, 5 * std::sqrt(96.0 / kCount));
}

TEST(RandomStreams, BelowFillsItsRangeEvenly) {
  RandomStream random(3);
  constexpr uint64_t kBound = 7;
  constexpr int kCount = 70'000;
  std::array<int, kBound> counts{};
  for (int i = 0; i < kCount; ++i) ++counts.at(random.below(kBound));
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - kCount / 7.0) * (count - kCount / 7.0) / (kCount / 7.0);
  EXPECT_LT(chi_square, 22.46);  // six degrees of freedom, one in a thousand
  EXPECT_EQ(RandomStream(3).below(1), 0u);
}

TEST(RandomStreams, APermutationHoldsEachIndexOnce) {
  std::vector<uint32_t> order = permutation(1000, 5, 0);
  EXPECT_EQ(order, permutation(1000, 5, 0));
  EXPECT_NE(order, permutation(1000, 5, 1));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (uint32_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i);
  EXPECT_TRUE(permutation(0, 5, 0).empty());
}

}  // namespace
}  // namespace hone
