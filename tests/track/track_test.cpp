#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "track/event_file.h"
#include "track/metrics_log.h"
#include "track/tracker.h"

namespace hone::track {
namespace {

namespace fs = std::filesystem;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

/// A folder of its own for each test, gone afterwards.
class TrackTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / format("hone-track-%d-%s", static_cast<int>(::getpid()),
                                                 testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<Tracker> make(const std::string& name, std::optional<int64_t> resume = {}) {
    return trackers().at(name, "test").make({.folder = folder_, .resume_after_step = resume});
  }
  static void log(Tracker& tracker, int64_t step, std::vector<Scalar> scalars) {
    tracker.log_scalars(step, 1.7e9, scalars);
  }

  fs::path folder_;
};

std::vector<int64_t> steps_of(const MetricsLog& log) {
  std::vector<int64_t> steps;
  for (const MetricsRow& row : log.rows) steps.push_back(row.step);
  return steps;
}

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);            // the check value of the catalogue of CRCs
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventBytes, FollowTheWireFormat) {
  const std::vector<Scalar> loss = {{"ab", 1.0}};
  // wall_time 1 (0x09 + double), step 300 (0x10 AC 02), summary (0x2A 0B) { value (0x0A 09)
  // { tag "ab" (0x0A 02 61 62), simple_value 1.0f (0x15 00 00 80 3F) } }
  const std::string expected(
      "\x09\x00\x00\x00\x00\x00\x00\xF0\x3F\x10\xAC\x02\x2A\x0B\x0A\x09\x0A\x02\x61\x62\x15\x00\x00\x80\x3F", 25);
  EXPECT_EQ(scalars_event(300, 1.0, loss), expected);
}

TEST_F(TrackTest, JsonlKeepsEveryNumber) {
  {
    const auto tracker = make("jsonl");
    log(*tracker, 1, {{"loss", 2.3125}, {"tokens", 123456789012.0}, {"learning_rate", 1e-5}, {"손실", 0.1}});
    log(*tracker, 2, {{"loss", kNan}, {"grad_norm", kInfinity}, {"low", -kInfinity}, {"zero", -0.0}});
    tracker->flush();
  }
  const std::string content = read_file(folder_ / "metrics.jsonl");
  EXPECT_NE(content.find("{\"step\":1,\"loss\":2.3125,\"tokens\":123456789012,\"learning_rate\":1e-05,\"손실\":0.1,"),
            std::string::npos)
      << content;
  const MetricsLog read = read_metrics(folder_ / "metrics.jsonl");
  ASSERT_EQ(read.rows.size(), 2u);
  EXPECT_FALSE(read.torn);
  EXPECT_EQ(read.rows[0].wall_time, 1.7e9);
  EXPECT_EQ(read.rows[0].scalars[3], (std::pair<std::string, double>("손실", 0.1)));
  EXPECT_TRUE(std::isnan(read.rows[1].scalars[0].second));
  EXPECT_EQ(read.rows[1].scalars[1].second, kInfinity);
  EXPECT_EQ(read.rows[1].scalars[2].second, -kInfinity);
  EXPECT_TRUE(std::signbit(read.rows[1].scalars[3].second));
}

TEST_F(TrackTest, TornLastLineIsLeftOutAndMended) {
  fs::create_directories(folder_);
  const std::string whole = "{\"step\":1,\"loss\":2}\n{\"step\":2,\"loss\":1}\n";
  for (const char* torn : {"{\"step\":3,\"lo", "{", "{\"step\":3}", "\"", "\0\0"}) {
    write_file(folder_ / "metrics.jsonl", whole + torn);
    const bool complete = std::strcmp(torn, "{\"step\":3}") == 0;
    EXPECT_EQ(read_metrics(folder_ / "metrics.jsonl").torn, !complete && torn[0] != '\0') << torn;
    log(*make("jsonl"), 9, {{"loss", 1}});
    const MetricsLog read = read_metrics(folder_ / "metrics.jsonl");
    EXPECT_EQ(steps_of(read), complete ? (std::vector<int64_t>{1, 2, 3, 9}) : (std::vector<int64_t>{1, 2, 9})) << torn;
    EXPECT_FALSE(read.torn);
  }
}

TEST_F(TrackTest, AnyCutOfTheFileIsReadable) {
  {
    const auto tracker = make("jsonl");
    for (int64_t step = 1; step <= 4; ++step)
      log(*tracker, step, {{"loss", 1.0 / static_cast<double>(step)}, {"한글", kNan}});
  }
  const std::string content = read_file(folder_ / "metrics.jsonl");
  for (size_t size = 0; size <= content.size(); ++size) {
    const MetricsLog log = parse_metrics(std::string_view(content).substr(0, size), "cut");
    const auto breaks =
        static_cast<size_t>(std::count(content.begin(), content.begin() + static_cast<long>(size), '\n'));
    EXPECT_GE(log.rows.size(), breaks);
    EXPECT_LE(log.rows.size(), breaks + 1);  // a whole object that lacks its line break alone
  }
}

TEST_F(TrackTest, ResumingTakesLaterStepsBack) {
  for (const char* name : {"jsonl", "csv"}) {
    const auto tracker = make(name);
    for (int64_t step : {0, 10, 20, 30}) log(*tracker, step, {{"loss", 1}, {"a,\"b\"", 2}});
  }
  for (const char* name : {"jsonl", "csv"}) log(*make(name, 20), 25, {{"loss", 0.5}});
  EXPECT_EQ(steps_of(read_metrics(folder_ / "metrics.jsonl")), (std::vector<int64_t>{0, 10, 20, 25}));
  const std::string csv = read_file(folder_ / "metrics.csv");
  EXPECT_TRUE(
      csv.starts_with("step,wall_time,name,value\n0,1700000000.000000,loss,1\n"
                      "0,1700000000.000000,\"a,\"\"b\"\"\",2\n10,"))
      << csv;
  EXPECT_TRUE(csv.ends_with("\n25,1700000000.000000,loss,0.5\n")) << csv;
  EXPECT_EQ(csv.find("\n30,"), std::string::npos);
  make("jsonl", -1);
  EXPECT_TRUE(read_metrics(folder_ / "metrics.jsonl").rows.empty());
}

TEST_F(TrackTest, CsvMendsATornLineAndRefusesAnotherFile) {
  fs::create_directories(folder_);
  write_file(folder_ / "metrics.csv", "step,wall_time,name,value\n1,2,loss,3\n2,2,lo");
  log(*make("csv"), 2, {{"loss", kNan}});
  EXPECT_EQ(read_file(folder_ / "metrics.csv"),
            "step,wall_time,name,value\n1,2,loss,3\n2,1700000000.000000,loss,NaN\n");
  write_file(folder_ / "metrics.csv", "name;value\n");
  EXPECT_THROW(make("csv"), Error);
}

TEST_F(TrackTest, MetricsFaultsNameFileAndLine) {
  const auto message_of = [](const char* content) {
    try {
      parse_metrics(content, "metrics.jsonl");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(message_of("{\"step\":1}\n{\"step\":\n{\"step\":2}\n").find("metrics.jsonl:2"), std::string::npos);
  EXPECT_NE(message_of("{\"loss\":1}\n").find("no field \"step\""), std::string::npos);
  EXPECT_NE(message_of("{\"step\":1.5}\n").find("1.5"), std::string::npos);
  EXPECT_NE(message_of("{\"step\":1e300}\n").find("whole number"), std::string::npos);
  EXPECT_NE(message_of("{\"step\":1e340}\n").find("metrics.jsonl:1"), std::string::npos);  // found by fuzzing
  EXPECT_NE(message_of("[1]\n").find("not a JSON object"), std::string::npos);
}

TEST_F(TrackTest, EventFilesAreFramedAndNeverReused) {
  const auto first = make("tensorboard"), second = make("tensorboard", 10);
  log(*first, 1, {{"loss", 1e300}, {"bad \xFF", kNan}});
  first->log_text(1, 1.0, "샘플", "안녕");
  size_t files = 0, records = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    ++files;
    EXPECT_TRUE(entry.path().filename().string().starts_with("events.out.tfevents."));
    std::string content = read_file(entry.path());
    for (std::string_view rest = content; !rest.empty(); ++records) {
      ASSERT_GE(rest.size(), 16u);
      uint64_t size = 0;
      std::memcpy(&size, rest.data(), 8);
      ASSERT_LE(size, rest.size() - 16);
      uint32_t of_size = 0, of_data = 0;
      std::memcpy(&of_size, rest.data() + 8, 4);
      std::memcpy(&of_data, rest.data() + 12 + size, 4);
      EXPECT_EQ(of_size, masked_crc32c(rest.substr(0, 8)));
      EXPECT_EQ(of_data, masked_crc32c(rest.substr(12, size)));
      rest.remove_prefix(16 + size);
    }
  }
  EXPECT_EQ(files, 2u);
  EXPECT_EQ(records, 5u);  // two versions, scalars, text, restart
}

TEST_F(TrackTest, GroupLooksNamesUpFirst) {
  EXPECT_THROW(TrackerGroup({"jsonl", "tensorbord"}, {.folder = folder_}, "config.yaml:3: tracking"), Error);
  EXPECT_FALSE(fs::exists(folder_));
  TrackerGroup group({"jsonl", "csv", "tensorboard"}, {.folder = folder_}, "test");
  log(group, 1, {{"loss", 1}});
  EXPECT_TRUE(fs::exists(folder_ / "metrics.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "metrics.csv"));
}

TEST_F(TrackTest, FolderThatCannotBeMadeIsAnError) {
  write_file(fs::temp_directory_path() / folder_.filename(), "a file where the folder should be");
  EXPECT_THROW(make("jsonl"), Error);
  EXPECT_THROW(make("tensorboard"), Error);
}

}  // namespace
}  // namespace hone::track
