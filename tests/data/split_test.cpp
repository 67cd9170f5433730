#include "data/split.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/content_key.h"

namespace hone::data {
namespace {

Example chat(const std::string& question, const std::string& answer, const std::string& system = "") {
  Example example;
  if (!system.empty()) example.messages.push_back({"system", system, true, ""});
  example.messages.push_back({"user", question, true, ""});
  example.messages.push_back({"assistant", answer, true, ""});
  return example;
}

std::vector<SplitKey> singles(size_t count) {
  std::vector<SplitKey> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i].content = hash64(std::to_string(i));
  return keys;
}

TEST(Split, EveryRowOnceAndExactSizes) {
  const Split split = split_rows(singles(1000), {.validation = 0.1, .test = 0.05});
  EXPECT_EQ(split.validation.size(), 100u);
  EXPECT_EQ(split.test.size(), 50u);
  std::vector<uint32_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  std::vector<uint32_t> expected(1000);
  std::iota(expected.begin(), expected.end(), 0u);
  EXPECT_EQ(all, expected);
}

TEST(Split, NoPromptIsOnBothSides) {
  RandomStream random(11);
  std::vector<Example> examples;
  for (int i = 0; i < 3000; ++i) {
    const std::string number = std::to_string(random.below(600));
    const char* forms[] = {"질문 ", "  질문   ",
                           "\xE1\x84\x8C\xE1\x85\xB5\xE1\x86\xAF\xE1\x84\x86\xE1\x85\xAE\xE1\x86\xAB "};
    examples.push_back(chat(forms[random.below(3)] + number, "답 " + std::to_string(random.below(100)),
                            random.below(2) ? "" : "친절하게"));
  }
  const Split split = split_examples(examples, {.validation = 0.1, .test = 0.1});
  std::set<std::string> train, held_out;
  const auto question = [&](uint32_t i) {
    const auto& m = examples[i].messages;
    return m[m.size() - 2].content.substr(m[m.size() - 2].content.find_last_of(' '));
  };
  for (const uint32_t i : split.train) train.insert(question(i));
  for (const auto* part : {&split.validation, &split.test}) {
    for (const uint32_t i : *part) {
      EXPECT_FALSE(train.contains(question(i))) << question(i);
      held_out.insert(question(i));
    }
  }
  EXPECT_GT(held_out.size(), 50u);
  EXPECT_NEAR(static_cast<double>(split.validation.size()), 300, 15);
}

TEST(Split, DoesNotDependOnTheOrderOfRows) {
  RandomStream random(5);
  std::vector<SplitKey> keys = singles(500);
  for (auto& key : keys) key.stratum = std::to_string(random.below(3));
  const auto chosen = [](const std::vector<SplitKey>& rows) {
    std::set<uint64_t> contents;
    for (const uint32_t i : split_rows(rows, {.validation = 0.2}).validation) contents.insert(rows[i].content);
    return contents;
  };
  const auto before = chosen(keys);
  std::vector<SplitKey> shuffled;
  for (const uint32_t i : permutation(500, 9, 0)) shuffled.push_back(keys[i]);
  EXPECT_EQ(chosen(shuffled), before);
  EXPECT_NE(split_rows(keys, {.validation = 0.2, .seed = 43}).validation,
            split_rows(keys, {.validation = 0.2}).validation);
}

TEST(Split, SharesHoldWithinEachStratum) {
  std::vector<SplitKey> keys = singles(1000);
  for (size_t i = 0; i < keys.size(); ++i) keys[i].stratum = i < 900 ? "common" : "rare";
  size_t rare = 0;
  const Split split = split_rows(keys, {.validation = 0.1});
  for (const uint32_t i : split.validation) rare += i >= 900;
  EXPECT_EQ(rare, 10u);
  EXPECT_EQ(split.validation.size(), 100u);
}

TEST(Split, GroupsAndAnswersStayTogether) {
  RandomStream random(1);
  std::vector<SplitKey> keys = singles(2000);
  for (auto& key : keys) {
    key.group = "user" + std::to_string(random.below(300));
    key.answer = random.below(1500);
  }
  const Split split = split_rows(keys, {.validation = 0.1, .same_answer = false});
  std::set<std::string> groups;
  for (const uint32_t i : split.validation) groups.insert(keys[i].group);
  for (const uint32_t i : split.train) EXPECT_FALSE(groups.contains(keys[i].group));

  for (auto& key : keys) key.group.clear();
  const Split by_answer = split_rows(keys, {.validation = 0.1, .same_answer = true});
  std::set<uint64_t> answers;
  for (const uint32_t i : by_answer.validation) answers.insert(keys[i].answer);
  for (const uint32_t i : by_answer.train) EXPECT_FALSE(answers.contains(keys[i].answer));
}

TEST(Split, WhatCannotBeSplitIsRefused) {
  EXPECT_THROW(split_rows(singles(10), {.validation = 1.0}), Error);
  EXPECT_THROW(split_rows(singles(10), {.validation = -0.1}), Error);
  EXPECT_THROW(split_rows(singles(10), {.validation = std::nan("")}), Error);
  EXPECT_THROW(split_rows(singles(10), {.validation = 0.6, .test = 0.4}), Error);
  EXPECT_THROW(split_rows(singles(1), {.validation = 0.1}), Error);  // nothing left to train on
  EXPECT_THROW(split_rows({}, {.validation = 0.1}), Error);
  std::vector<SplitKey> same(10);
  EXPECT_THROW(split_rows(same, {.validation = 0.1}), Error);  // one group of ten does not fit
  EXPECT_EQ(split_rows(singles(3), {.validation = 0}).train.size(), 3u);
}

TEST(ContentKey, TellsExamplesApart) {
  EXPECT_EQ(content_key(chat("a", "b")), content_key(chat("a", "b")));
  EXPECT_FALSE(content_key(chat("ab", "c")) == content_key(chat("a", "bc")));
  EXPECT_FALSE(content_key(chat("a", "b")) == content_key(chat("a", "b", "s")));
  EXPECT_EQ(prompt_key(chat("A ", "b")), prompt_key(chat("a", "c", "system")));
  EXPECT_NE(prompt_key(chat("a", "b")), prompt_key(chat("b", "b")));
  EXPECT_EQ(answer_key(chat("a", "B")), answer_key(chat("c", "b ")));
}

}  // namespace
}  // namespace hone::data
