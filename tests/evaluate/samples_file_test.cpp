#include "evaluate/samples_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace hone::evaluate {
namespace {

namespace fs = std::filesystem;

class SamplesFileTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove(path_); }
  void TearDown() override { fs::remove(path_); }
  void write_two() const {
    SamplesFile file(path_);
    file.append("k1", {0, "질문", "정답", "답\n\"둘\"", "stop", 3});
    file.append("k2", {1, "q", "a", "", "length", 128});
  }
  const fs::path path_ = fs::path(::testing::TempDir()) / ("hone_samples_" + std::to_string(::getpid()) + ".jsonl");
};

TEST_F(SamplesFileTest, ReadsWhatItWrote) {
  write_two();
  const SamplesFile file(path_);
  EXPECT_EQ(file.size(), 2u);
  ASSERT_NE(file.find("k1"), nullptr);
  EXPECT_EQ(file.find("k1")->text, "답\n\"둘\"");
  EXPECT_EQ(file.find("k1")->finish_reason, "stop");
  EXPECT_EQ(file.find("k2")->tokens, 128);
  EXPECT_EQ(file.find("k3"), nullptr);
}

TEST_F(SamplesFileTest, ATornLastLineIsCutOffWhereverItTore) {
  write_two();
  const std::string whole = read_file(path_);
  const size_t first = whole.find('\n') + 1;
  for (size_t length = 0; length < whole.size(); ++length) {
    write_file(path_, whole.substr(0, length));
    const SamplesFile file(path_);
    EXPECT_EQ(file.size(), length >= first ? 1u : 0u);
    EXPECT_EQ(read_file(path_), whole.substr(0, length >= first ? first : 0));
  }
}

TEST_F(SamplesFileTest, ALineOfSomethingElseIsNamed) {
  write_two();
  write_file(path_, read_file(path_) + "{\"text\": 3}\n");
  try {
    const SamplesFile file(path_);
    FAIL() << "a foreign line was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.place(), path_.string() + ":3");
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
  }
}

TEST_F(SamplesFileTest, TwoRunsCannotShareAFile) {
  const SamplesFile file(path_);
  EXPECT_THROW(SamplesFile{path_}, Error);
}

}  // namespace
}  // namespace hone::evaluate
