// Many threads at one model: all that is asked ends, cancelled or not, and a seed's tokens are the same in any company.
// libtorch is not built for ThreadSanitizer, so this runs without it; what the threads share is one mutex of the host.
#include "serve/inference/model_host.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>

#include "base/error.h"
#include "exchange/peft.h"
#include "serve/api_error.h"
#include "temporary_folder.h"
#include "tensor/device.h"

namespace hone::serve {
namespace {

const std::string kFolder = HONE_SOURCE_DIR "/tests/data/tinystories-260k";
constexpr size_t kPrompts = 6, kTokens = 10;

/// Hears one answer to its end.
class Hearer : public Listener {
 public:
  void token(size_t, const generate::Event& event) override {
    tokens_.push_back(event.token);
    if (event.finish != generate::FinishReason::kNone) ended_.set_value(tokens_);
  }
  void failed(const std::exception_ptr& why) override { ended_.set_exception(why); }
  std::future<std::vector<int32_t>> future() { return ended_.get_future(); }

 private:
  std::vector<int32_t> tokens_;
  std::promise<std::vector<int32_t>> ended_;
};

struct Stories {
  Stories() {
    tensor::set_threads(1);
    for (const uint64_t seed : {1, 2}) {
      const auto other = model::Decoder::load(kFolder, {});
      exchange::LoraSettings settings;
      settings.r = 4;
      settings.target_modules = {"all-linear"};
      settings.init_lora_weights = "false";
      exchange::attach_lora(*other, settings, seed, {});
      adapters.push_back(folder.path() / std::to_string(seed));
      std::filesystem::create_directories(adapters.back());
      exchange::write_peft(*other, settings, adapters.back());
    }
  }
  /// The nth of some requests, each with a seed, a prompt and an adapter (or none) of its own.
  std::vector<generate::Request> request(size_t n, int64_t tokens = kTokens) const {
    generate::Request made;
    made.prompt = text.tokenizer().encode("Once upon a time " + std::string(n, 'a'), {.add_special_tokens = true});
    made.sampling.temperature = 1;
    made.seed = n;
    made.stop = {{}, {}, tokens};
    return {made};
  }
  std::filesystem::path adapter(size_t n) const { return n % 3 == 0 ? "" : adapters[n % 3 - 1]; }

  TemporaryFolder folder;
  std::vector<std::filesystem::path> adapters;
  std::unique_ptr<model::Decoder> decoder = model::Decoder::load(kFolder, {});
  generate::ModelText text = generate::ModelText(kFolder, "");
};

HostOptions options() {
  HostOptions made;
  made.engine.max_running = 8;
  made.max_waiting = 4096;
  return made;
}

TEST(ModelHost, HundredsThatComeAndGoChangeNobodysTokens) {
  Stories stories;
  ModelHost host(*stories.decoder, stories.text, options());
  std::vector<std::vector<int32_t>> expected;
  for (size_t n = 0; n < kPrompts; ++n) {
    const auto hearer = std::make_shared<Hearer>();
    host.submit(stories.request(n), stories.adapter(n), hearer);
    expected.push_back(hearer->future().get());
    EXPECT_EQ(expected.back().size(), kTokens);
  }
  EXPECT_NE(expected[0], expected[1]);

  std::atomic<int> whole = 0, cancelled = 0, wrong = 0, forgotten = 0;
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 240; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(thread);
      const size_t n = random() % kPrompts;
      const auto hearer = std::make_shared<Hearer>();
      std::future<std::vector<int32_t>> ended = hearer->future();
      if (random() % 8 == 0) host.forget(stories.adapters[random() % 2]);
      uint64_t ticket = 0;
      while (ticket == 0) {
        try {
          ticket = host.submit(stories.request(n), stories.adapter(n), hearer);
        } catch (const ApiError& gone) {
          ASSERT_EQ(gone.status(), 404);
          ++forgotten;  // between its being found and its being read
        }
      }
      if (random() % 3 == 0) {
        for (auto spins = random() % 2000; spins > 0; --spins) std::this_thread::yield();
        host.cancel(ticket);
        host.cancel(ticket + 100'000);  // of nobody
        ++cancelled;
        return;
      }
      // A cancel of another's must not take this one's answer: it ends, and with the tokens it has alone.
      ended.get() == expected[n] ? ++whole : ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(whole + cancelled, 240);
  EXPECT_GT(whole, 100);
  EXPECT_GT(cancelled, 40);
  // One answer more, behind all the cancelled ones: when it has ended, nothing runs and nothing waits.
  const auto last = std::make_shared<Hearer>();
  host.submit(stories.request(4), stories.adapter(4), last);
  EXPECT_EQ(last->future().get(), expected[4]);
  while (host.figures().running + host.figures().waiting > 0) std::this_thread::yield();
}

TEST(ModelHost, WhatIsAskedWhileItEndsIsAnswered) {
  Stories stories;
  int told = 0;
  for (int round = 0; round < 10; ++round) {
    std::vector<std::future<std::vector<int32_t>>> ended;
    {
      ModelHost host(*stories.decoder, stories.text, options());
      for (size_t n = 0; n < 40; ++n) {
        const auto hearer = std::make_shared<Hearer>();
        ended.push_back(hearer->future());
        host.submit(stories.request(n, 200), "", hearer);
      }
    }
    for (auto& one : ended) {
      ASSERT_EQ(one.wait_for(std::chrono::seconds(0)), std::future_status::ready);
      try {
        EXPECT_EQ(one.get().size(), 200U);  // on a machine that let it end first
      } catch (const ApiError& error) {
        ++told;
      }
    }
  }
  EXPECT_GT(told, 0);
}

TEST(ModelHost, TooManyAreRefusedAndTheOthersEnd) {
  Stories stories;
  HostOptions few = options();
  few.max_waiting = 4;
  ModelHost host(*stories.decoder, stories.text, few);
  std::atomic<int> refused = 0, ended = 0;
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 64; ++thread) {
    threads.emplace_back([&, thread] {
      const auto hearer = std::make_shared<Hearer>();
      try {
        host.submit(stories.request(thread % kPrompts), "", hearer);
      } catch (const ApiError&) {
        ++refused;
        return;
      }
      ended += hearer->future().get().size() == kTokens ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused + ended, 64);
  EXPECT_GT(ended, 0);
}

}  // namespace
}  // namespace hone::serve
