// Experiments, feedback and figures in their tables, on SQLite and on PostgreSQL.
#include "serve/ab/experiments.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/strings.h"
#include "serve/ab/guard_watch.h"
#include "serve/ab/recorder.h"
#include "serve/ab/statistics.h"
#include "serve/api_error.h"
#include "serve/feedback/dataset.h"
#include "serve/feedback/feedback_record.h"
#include "serve/schema.h"
#include "store/each_database.h"

namespace hone::serve {
namespace {

Json two_variants(const std::string& name) {
  return {{"name", name},
          {"variants",
           {{{"name", "control"}, {"model", "base"}, {"weight", 0.5}},
            {{"name", "treatment"}, {"model", "base"}, {"weight", 0.5}}}},
          {"metrics", {{{"name", "positive"}, {"kind", "binary"}}, {{"name", "stars"}, {"kind", "mean"}}}}};
}

class ExperimentTables : public store::EachDatabase {
 protected:
  void SetUp() override {
    EachDatabase::SetUp();
    if (IsSkipped()) return;
    database_ = open();
    store::migrate(*database_, migrations());
    records_.emplace(*database_);
    table_.emplace(*records_);
    feedback_.emplace(*records_);
  }

  ExperimentRecord made(const std::string& name, const std::string& owner = "me") {
    ExperimentRecord experiment = read_experiment(two_variants(name));
    experiment.owner = owner;
    table_->add(experiment);
    return experiment;
  }

  Answered answered(const ExperimentRecord& experiment, const std::string& id, const std::string& user) {
    return {.id = id,
            .owner = "me",
            .model = "base",
            .experiment = experiment.id,
            .variant = experiment.answering(user).name,
            .user_hash = user_hash(experiment.id, user),
            .counted = true,
            .prompt = R"({"messages":[{"role":"user","content":"q"}]})",
            .answers = R"([{"role":"assistant","content":"a"}])"};
  }

  FeedbackRecord said(const ExperimentRecord& experiment, const std::string& user, const std::string& thumb,
                      std::map<std::string, double> metrics = {}) {
    FeedbackRecord feedback;
    feedback.owner = "me";
    feedback.experiment = experiment.id;
    feedback.variant = experiment.answering(user).name;
    feedback.user_hash = user_hash(experiment.id, user);
    feedback.counted = true;
    feedback.thumb = thumb;
    feedback.metrics = std::move(metrics);
    return feedback;
  }

  std::unique_ptr<store::Database> database_;
  std::optional<Records> records_;
  std::optional<ExperimentTable> table_;
  std::optional<FeedbackTable> feedback_;
};
ON_EACH_DATABASE(ExperimentTables);

TEST_P(ExperimentTables, KeepWhoSeesWhatAfterReweighting) {
  ExperimentRecord experiment = made("tone");
  EXPECT_THROW(made("tone"), ApiError);
  made("tone", "somebody else");
  const metrics::Assignment changed = experiment.assignment().reweighted({{"control", 0.125}, {"treatment", 0.875}});
  experiment.segments = changed.segments();
  experiment.variants[0].weight = 0.125;
  experiment.variants[1].weight = 0.875;
  experiment.periods.push_back({0.125, 0.875});
  experiment.metadata = R"({"키":"값"})";
  table_->update(experiment);
  const ExperimentRecord kept = table_->by_name("me", "tone").value();
  EXPECT_EQ(kept.id, experiment.id);
  EXPECT_EQ(kept.periods, experiment.periods);
  EXPECT_EQ(kept.metadata, experiment.metadata);
  for (int i = 0; i < 500; ++i) {
    const std::string user = "user_" + std::to_string(i);
    EXPECT_EQ(kept.answering(user).name, changed.variant_of(user));
  }
}

TEST_P(ExperimentTables, FiguresAreThoseOfTheUsersMeans) {
  const ExperimentRecord experiment = made("figures");
  std::map<std::string, metrics::Moments> expected;
  for (int i = 0; i < 40; ++i) {
    const std::string user = "u" + std::to_string(i);
    double sum = 0;
    for (int k = 0; k <= i % 3; ++k) {
      const double stars = 1e6 + i * 0.37 + k;  // far from 0: a sum of squares would lose what is looked for
      sum += stars;
      FeedbackRecord one = said(experiment, user, i % 2 == 0 ? "up" : "down", {{"stars", stars}});
      feedback_->put(one, &experiment);
    }
    expected[experiment.answering(user).name].add(sum / (i % 3 + 1));
  }
  const metrics::Experiment figures = read_figures(*database_, experiment);
  ASSERT_EQ(figures.metrics.size(), 6U);  // and the four that are measured by themselves
  EXPECT_EQ(figures.metrics[0].kind, metrics::MetricKind::kBinary);
  for (const metrics::VariantData& variant : figures.variants) {
    const metrics::Moments& own = expected[variant.name];
    EXPECT_EQ(variant.metrics[1].count, own.count);
    EXPECT_EQ(variant.users, own.count);
    EXPECT_NEAR(variant.metrics[1].mean, own.mean, 1e-9 * own.mean);
    EXPECT_NEAR(variant.metrics[1].squares, own.squares, 1e-6 * own.squares);
  }
}

TEST_P(ExperimentTables, UsersThatCameUnderOtherWeightsAreNoMismatch) {
  ExperimentRecord experiment = made("weights");
  UserValues values(*database_);
  const auto come = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string user = "u" + std::to_string(i);
      values.seen(experiment.id, experiment.answering(user).name, user_hash(experiment.id, user),
                  static_cast<int64_t>(experiment.periods.size()) - 1);
    }
  };
  database_->transaction([&] {
    come(0, 800);
    experiment.segments = experiment.assignment().reweighted({{"control", 0.9}, {"treatment", 0.1}}).segments();
    experiment.periods.push_back({0.9, 0.1});
    come(800, 1600);
  });
  experiment.variants[0].weight = 0.9;
  experiment.variants[1].weight = 0.1;
  const auto split = analyse(read_figures(*database_, experiment), analysis_options(experiment)).split;
  EXPECT_FALSE(split.mismatch) << split.p_anytime;
  EXPECT_NEAR(split.expected[0], 800 * 0.5 + 800 * 0.9, 1e-6);
}

TEST_P(ExperimentTables, FiguresOfManyUsersStandForAWhile) {
  ExperimentRecord experiment = made("many");
  Figures fresh(*database_), kept(*database_, /*many=*/3);
  const auto said_by = [&](int count, Figures& figures) {
    uint64_t users = 0;
    for (const auto& variant : figures.of(experiment).variants) users += variant.metrics[0].count;
    return users == static_cast<uint64_t>(count);
  };
  for (int i = 1; i <= 5; ++i) {
    FeedbackRecord one = said(experiment, "u" + std::to_string(i), "up");
    feedback_->put(one, &experiment);
    EXPECT_TRUE(said_by(i, fresh));
    EXPECT_TRUE(said_by(std::min(i, 4), kept));
  }
  experiment.periods.push_back({0.5, 0.5});
  EXPECT_TRUE(said_by(5, kept));
}

TEST_P(ExperimentTables, AUserWhoSaysBothMakesAMeanOfIt) {
  const ExperimentRecord experiment = made("both");
  for (const char* thumb : {"up", "down", "up", "up"}) {
    FeedbackRecord one = said(experiment, "u", thumb);
    feedback_->put(one, &experiment);
  }
  const metrics::Experiment figures = read_figures(*database_, experiment);
  EXPECT_EQ(figures.metrics[0].kind, metrics::MetricKind::kMean);
  const bool control = experiment.answering("u").name == "control";
  EXPECT_DOUBLE_EQ(figures.variants[control ? 0 : 1].metrics[0].mean, 0.75);
}

TEST_P(ExperimentTables, RecorderTakesFromManyThreads) {
  const ExperimentRecord experiment = made("threads");
  std::atomic<int> noticed = 0;
  {
    Recorder recorder(*database_, [&](const std::set<std::string>& ids) { noticed += static_cast<int>(ids.size()); });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          Trace trace(recorder, answered(experiment, format("c-%d-%d", t, i), format("u%d", i)));
          trace.first_token();
          if (i % 10 == 0)
            trace.failed(500);
          else
            trace.finished(3, Json::array({"a"}));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(recorder.flush());
    Trace(recorder, answered(experiment, "late", "u0")).forget();
    Trace left(recorder, answered(experiment, "left", "u0"));
  }
  EXPECT_GT(noticed, 0);
  const auto counts = table_->counts(experiment);
  EXPECT_EQ(counts[0].users + counts[1].users, 50);
  EXPECT_EQ(counts[0].requests + counts[1].requests, 201);
  EXPECT_FALSE(feedback_->completion("late"));
  EXPECT_TRUE(feedback_->completion("left"));
  EXPECT_EQ(feedback_->completion("c-1-1")->answers, R"(["a"])");
  const metrics::Experiment figures = read_figures(*database_, experiment);
  const auto total = [&](size_t metric) {
    uint64_t users = 0;
    for (const auto& variant : figures.variants) users += variant.metrics[metric].count;
    return users;
  };
  EXPECT_EQ(total(5), 50U);  // error
  EXPECT_EQ(total(2), 45U);  // latency_ms, of those whose answers came
}

TEST_P(ExperimentTables, RecorderDropsWhatTheDatabaseRefusesAlone) {
  const ExperimentRecord experiment = made("refused");
  Recorder recorder(*database_, [](const std::set<std::string>&) {});
  for (const char* model : {"first", "no UTF-8: \xff", "last"}) {
    Answered one = answered(experiment, std::string("c-") + model[0], "u");
    one.model = model;
    Trace(recorder, one).finished(1, Json::array({"a"}));
  }
  ASSERT_TRUE(recorder.flush());
  EXPECT_TRUE(feedback_->completion("c-f"));
  EXPECT_FALSE(feedback_->completion("c-n"));
  EXPECT_TRUE(feedback_->completion("c-l"));
}

TEST_P(ExperimentTables, RemovingTakesEverythingWithIt) {
  const ExperimentRecord gone = made("gone"), stays = made("stays");
  Recorder recorder(*database_, [](const std::set<std::string>&) {});
  for (const ExperimentRecord* one : {&gone, &stays}) {
    Trace(recorder, answered(*one, "c-" + one->name, "u")).finished(1, Json::array({"a"}));
    FeedbackRecord thumb = said(*one, "u", "up");
    feedback_->put(thumb, one);
  }
  ASSERT_TRUE(recorder.flush());
  table_->remove(gone.id);
  for (const char* table :
       {"experiment_requests", "experiment_users", "experiment_values", "completions", "feedback"}) {
    const auto rows = database_->query(format("SELECT experiment FROM %s", table));
    ASSERT_FALSE(rows.empty()) << table;
    for (const store::Row& row : rows) EXPECT_EQ(row.text("experiment"), stays.id) << table;
  }
  // An answer that was on its way when it was deleted.
  Trace(recorder, answered(gone, "late", "u")).finished(1, Json::array({"a"}));
  ASSERT_TRUE(recorder.flush());
  EXPECT_FALSE(feedback_->completion("late"));
}

TEST_P(ExperimentTables, DatasetsSkipWhatCannotBeUsedAndSayWhy) {
  const ExperimentRecord experiment = made("data");
  {
    Recorder recorder(*database_, [](const std::set<std::string>&) {});
    const auto keep = [&](const std::string& id, const std::string& prompt, const Json& answers) {
      Answered one = answered(experiment, id, "u");
      one.prompt = prompt;
      Trace(recorder, one).finished(1, answers);
    };
    keep("tokens", R"({"prompt":[1,2]})", Json::array({"a"}));
    keep("blank", R"({"prompt":"q"})", Json::array({" "}));
    keep("good", R"({"prompt":"q"})", Json::array({"a"}));
    keep("bad", R"({"prompt":"q","n":1})", Json::array({"b"}));
    keep("same", R"({"prompt":"p"})", Json::array({"a"}));
    Answered bare = answered(experiment, "bare", "u");
    bare.prompt.reset();
    Trace(recorder, bare).finished(1, Json::array());
    ASSERT_TRUE(recorder.flush());
  }
  for (const auto& [id, thumb] : std::map<std::string, std::string>{
           {"tokens", "up"}, {"blank", "up"}, {"good", "up"}, {"bad", "down"}, {"same", "up"}, {"bare", "up"}}) {
    FeedbackRecord one = said(experiment, "u", thumb);
    one.completion = id;
    if (id == "same") one.correction = "a";
    feedback_->put(one, &experiment);
  }
  const auto write = [&](const std::string& format) {
    const std::string path = folder() / format;
    DatasetCounts counts = write_dataset(*database_, {.format = format, .owner = "me"}, path);
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return std::pair(std::move(counts), line);
  };
  const auto [dpo, pair] = write("dpo");
  EXPECT_EQ(dpo.rows, 1);
  EXPECT_EQ(pair, R"({"prompt":"q","chosen":"a","rejected":"b"})");
  const std::map<std::string, int64_t> skipped{
      {"empty_answer", 1}, {"same_text", 1}, {"text_not_kept", 1}, {"unusable_prompt", 1}};
  EXPECT_EQ(dpo.skipped, skipped);
  EXPECT_EQ(write("sft").first.rows, 2);
  EXPECT_EQ(write("kto").first.rows, 3);
}

TEST(GuardWatch, LooksOnceForManyObservationsThatCameMeanwhile) {
  std::map<std::string, int> looks;
  std::atomic<int> begun = 0;
  std::atomic<bool> told = false;
  {
    GuardWatch watch([&](const std::string& id) {
      ++looks[id];
      ++begun;
      while (!told) std::this_thread::yield();
      throw std::runtime_error("a database that is away");
    });
    watch.notice({"one"});
    while (begun == 0) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) watch.notice({"one", "two"});
    told = true;
    while (begun < 3) std::this_thread::yield();
  }
  EXPECT_EQ(looks, (std::map<std::string, int>{{"one", 2}, {"two", 1}}));
}

}  // namespace
}  // namespace hone::serve
