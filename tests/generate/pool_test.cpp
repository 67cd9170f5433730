// The pool of adapters: what is loaded, what gives way, what stays.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "error_of.h"
#include "generate/adapter_pool.h"
#include "generate/small_adapters.h"

namespace hone::generate {
namespace {

/// 4 bytes times two for each number.
AdapterPool::Adapter adapter_of(int64_t numbers) {
  auto adapter = std::make_shared<model::AdapterWeights>();
  adapter->updates.push_back(model::Lora{model::random_tensor({1, numbers}, at::kFloat),
                                         model::random_tensor({numbers, 1}, at::kFloat), 1, 0});
  return adapter;
}

/// Folders are the number of numbers, or "broken".
AdapterPool::Adapter load(const std::filesystem::path& folder) {
  if (folder == "broken") fail_input("broken", "cannot be read");
  return adapter_of(std::stol(folder.string()));
}

TEST(AdapterPool, LoadsOnDemandAndOnce) {
  AdapterPool pool(load);
  pool.publish("a", 1, "10");
  EXPECT_EQ(pool.counts().loads, 0u);
  const auto first = pool.get("a"), second = pool.get("a");
  EXPECT_EQ(first, second);
  const AdapterCounts counts = pool.counts();
  EXPECT_EQ(counts.published, 1u);
  EXPECT_EQ(counts.resident, 1u);
  EXPECT_EQ(counts.resident_bytes, 80);
  EXPECT_EQ(counts.loads, 1u);
  EXPECT_EQ(counts.hits, 1u);
  EXPECT_EQ(error_of([&] { pool.get("b"); }).kind(), ErrorKind::kInput);
}

TEST(AdapterPool, TheOneAskedForLongestAgoGivesWay) {
  AdapterPool pool(load, {.count = 2});
  for (const char* key : {"a", "b", "c"}) pool.publish(key, 1, "10");
  for (const char* key : {"a", "b", "a", "c"}) pool.get(key);  // b goes
  EXPECT_EQ(pool.counts().evictions, 1u);
  EXPECT_EQ(pool.counts().resident, 2u);
  pool.get("a");
  EXPECT_EQ(pool.counts().loads, 3u);
  pool.get("b");
  EXPECT_EQ(pool.counts().loads, 4u);
}

TEST(AdapterPool, BytesAreALimitToo) {
  AdapterPool pool(load, {.count = 10, .bytes = 200});
  for (const char* key : {"a", "b", "c"}) pool.publish(key, 1, "10");
  for (const char* key : {"a", "b"}) pool.get(key);
  EXPECT_EQ(pool.counts().resident_bytes, 160);
  pool.get("c");
  EXPECT_EQ(pool.counts().resident_bytes, 160);
  pool.publish("large", 1, "1000");
  EXPECT_EQ(pool.get("large")->bytes(), 8000);  // more than all room: it is there for who asked, and goes first
  EXPECT_EQ(pool.counts().resident, 1u);
  pool.get("a");
  EXPECT_EQ(pool.counts().resident_bytes, 80);
}

TEST(AdapterPool, WhatIsInUseStays) {
  AdapterPool pool(load, {.count = 1});
  for (const char* key : {"a", "b", "c"}) pool.publish(key, 1, "10");
  auto a = pool.get("a"), b = pool.get("b");
  EXPECT_EQ(pool.counts().resident, 2u);
  EXPECT_EQ(pool.get("a"), a);
  a.reset(), b.reset();
  pool.get("c");
  EXPECT_EQ(pool.counts().resident, 1u);
  EXPECT_EQ(pool.counts().evictions, 2u);
}

TEST(AdapterPool, ANewVersionIsForNewRequestsAlone) {
  AdapterPool pool(load);
  pool.publish("a", 1, "10");
  const auto old = pool.get("a");
  pool.publish("a", 1, "10");
  EXPECT_EQ(pool.get("a"), old);
  pool.publish("a", 2, "20");
  EXPECT_EQ(pool.counts().resident, 0u);
  const auto fresh = pool.get("a");
  EXPECT_EQ(fresh->bytes(), 160);
  EXPECT_EQ(old->bytes(), 80);
  EXPECT_TRUE(pool.withdraw("a"));
  EXPECT_FALSE(pool.withdraw("a"));
  EXPECT_EQ(error_of([&] { pool.get("a"); }).kind(), ErrorKind::kInput);
  EXPECT_EQ(pool.counts().resident_bytes, 0);
}

TEST(AdapterPool, AFailedLoadIsTriedAgain) {
  AdapterPool pool(load);
  pool.publish("a", 1, "broken");
  EXPECT_EQ(error_of([&] { pool.get("a"); }).message(), "cannot be read");
  EXPECT_EQ(error_of([&] { pool.get("a"); }).message(), "cannot be read");
  EXPECT_EQ(pool.counts().failures, 2u);
  pool.publish("a", 2, "10");
  EXPECT_EQ(pool.get("a")->bytes(), 80);
}

TEST(AdapterPool, ThreadsThatAskTogetherShareOneLoad) {
  std::atomic<int> loads = 0;
  AdapterPool pool([&](const std::filesystem::path& folder) {
    ++loads;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return load(folder);
  });
  pool.publish("a", 1, "10");
  pool.publish("bad", 1, "broken");
  std::vector<AdapterPool::Adapter> got(6);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < got.size(); ++i) {
    threads.emplace_back([&, i] { got[i] = pool.get("a"); });
    threads.emplace_back([&] {
      try {
        pool.get("bad");
      } catch (const Error&) {
        ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& adapter : got) EXPECT_EQ(adapter, got[0]);
  EXPECT_EQ(failed, 6);
  EXPECT_EQ(pool.counts().loads, 1u);
  EXPECT_LE(loads, 7);
}

TEST(AdapterPool, ThreadsThatPublishAskAndWithdrawStayConsistent) {
  AdapterPool pool(load, {.count = 3});
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e"};
  for (const std::string& key : keys) pool.publish(key, 0, "10");
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 400; ++i) {
        const std::string& key = keys[(i * (t + 1) + t) % keys.size()];
        const uint64_t version = i % 7;
        if (i % 11 == t) pool.publish(key, version, std::to_string(10 + version));
        if (i % 101 == 100) pool.withdraw(key), pool.publish(key, version, "10");
        try {
          const auto adapter = pool.get(key);
          EXPECT_GE(adapter->bytes(), 80);
        } catch (const Error&) {  // withdrawn by another thread a moment ago
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  pool.publish("last", 1, "10");
  pool.get("last");
  const AdapterCounts counts = pool.counts();
  EXPECT_LE(counts.resident, 3u);
  EXPECT_GT(counts.evictions, 0u);
  for (const std::string& key : keys) pool.withdraw(key);
  pool.withdraw("last");
  EXPECT_EQ(pool.counts().resident, 0u);
  EXPECT_EQ(pool.counts().resident_bytes, 0);
}

}  // namespace
}  // namespace hone::generate
