// hone ab …: A/B tests without a service: the assignment rule, results from a file, sample sizes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/config/values.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "metrics/ab/assignment.h"
#include "metrics/ab/experiment.h"

namespace hone::cli {
namespace {

using namespace metrics;

struct Options {
  std::string experiment = "default", file, language;
  std::vector<std::string> split, users, metrics, lower, guards;
  AnalysisOptions analysis;
  SampleSizeOptions size;
  std::optional<double> rate, to, difference, deviation;
  bool json = false;
};

/// "NAME=NUMBER"
std::pair<std::string, double> named_number(const std::string& text, const std::string& place) {
  const size_t equals = text.rfind('=');
  const auto value = equals == std::string::npos ? std::nullopt : parse_number(text.substr(equals + 1));
  if (!value || equals == 0) fail_input(place, "\"" + excerpt(text, 60) + "\" is not NAME=NUMBER", "e.g. control=0.5");
  return {text.substr(0, equals), *value};
}

Weights weights_of(const Options& options) {
  Weights weights;
  for (const std::string& one : options.split) weights.push_back(named_number(one, "--split"));
  return weights;
}

void assign(const Options& options) {
  const Assignment assignment(options.experiment, weights_of(options), "--split");
  const auto tell = [&](const std::string& user) {
    const std::string& variant = assignment.variant_of(user);
    if (options.json)
      std::printf(
          "%s\n",
          to_line(Json{{"user", user}, {"variant", variant}, {"fraction", user_fraction(options.experiment, user)}})
              .c_str());
    else
      std::printf("%s\t%s\n", user.c_str(), variant.c_str());
  };
  for (const std::string& user : options.users) tell(user);
  std::string line;
  while (options.users.empty() && std::getline(std::cin, line)) tell(line);
}

/// Which metrics there are, in the order of --metric; kinds come from the values.
std::vector<MetricSpec> specs_of(const Options& options) {
  std::vector<MetricSpec> specs;
  for (const std::string& name : options.metrics) specs.push_back({.name = name});
  const auto spec_called = [&](const std::string& name, const std::string& place) -> MetricSpec& {
    for (MetricSpec& spec : specs) {
      if (spec.name == name) return spec;
    }
    fail_input(place,
               "metric \"" + excerpt(name, 60) + "\" is not among --metric;" + did_you_mean(name, options.metrics),
               "name it there too");
  };
  for (const std::string& name : options.lower) spec_called(name, "--lower-is-better").higher_is_better = false;
  for (const std::string& guard : options.guards) {
    const auto [name, limit] = named_number(guard, "--guard");
    if (!(limit >= 0)) fail_input("--guard", "the limit of " + name + " is below 0", "0.05 allows 5% worse");
    spec_called(name, "--guard").max_worsening = limit;
  }
  return specs;
}

/// Adds rows {"variant": …, "user": …, METRIC: true | number, …} to an experiment.
class RowReader {
 public:
  RowReader(const Options& options, Experiment& experiment)
      : file_(options.file), experiment_(experiment), users_(experiment.variants.size()) {
    numbers_.resize(experiment.metrics.size(), false);
  }

  void add(const Json& row, size_t line) {
    const std::string place = file_ + ":" + std::to_string(line);
    if (!row.is_object() || !row.contains("variant") || !row["variant"].is_string())
      fail_input(place, "names no variant", "a row is {\"variant\": \"control\", \"thumbs\": true, …}");
    const std::string name = row["variant"];
    const auto same = [&](const VariantData& one) { return one.name == name; };
    const auto found = std::find_if(experiment_.variants.begin(), experiment_.variants.end(), same);
    if (found == experiment_.variants.end())
      fail_input(place, "variant \"" + excerpt(name, 60) + "\" is not in --split",
                 "give every variant its share there");
    VariantData& variant = *found;
    for (size_t m = 0; m < experiment_.metrics.size(); ++m) {
      const auto value = row.find(experiment_.metrics[m].name);
      if (value == row.end() || value->is_null()) continue;
      if (!value->is_boolean() && !value->is_number())
        fail_input(place, "\"" + experiment_.metrics[m].name + "\" is neither true, false nor a number");
      if (!value->is_boolean()) numbers_[m] = true;
      variant.metrics[m].add(value->is_boolean() ? static_cast<double>(value->get<bool>()) : value->get<double>());
    }
    count_user(row, variant, static_cast<size_t>(found - experiment_.variants.begin()));
  }

  void finish() {
    for (size_t m = 0; m < numbers_.size(); ++m)
      experiment_.metrics[m].kind = numbers_[m] ? MetricKind::kMean : MetricKind::kBinary;
    if (repeated_ > 0) {
      warn(
          format("%zu rows are of users seen before; the intervals take rows for independent, so give one row a user "
                 "(their mean) where a user answers often",
                 repeated_));
    }
  }

 private:
  /// Users where rows name them, else rows.
  void count_user(const Json& row, VariantData& variant, size_t index) {
    const auto user = row.find("user");
    if (user == row.end() || !user->is_string() || users_[index].insert(user->get<std::string>()).second)
      ++variant.users;
    else
      ++repeated_;
  }

  std::string file_;
  Experiment& experiment_;
  std::vector<std::set<std::string>> users_;
  std::vector<bool> numbers_;
  size_t repeated_ = 0;
};

Experiment read_experiment(const Options& options) {
  Experiment experiment{specs_of(options), {}};
  const Weights weights = weights_of(options);
  const Assignment check(options.experiment, weights, "--split");
  for (const auto& [name, weight] : weights)
    experiment.variants.push_back({name, weight, 0, std::vector<Moments>(experiment.metrics.size())});
  RowReader reader(options, experiment);
  const std::string content = read_file(options.file);
  size_t number = 0;
  for (const std::string& line : hone::split(content, '\n')) {
    ++number;
    if (!trim(line).empty()) reader.add(parse_json(line, options.file + ":" + std::to_string(number)), number);
  }
  reader.finish();
  return experiment;
}

std::string range(const Interval& interval) {
  return format("%.4g … %.4g", interval.low, interval.high);
}

void print(const Experiment& experiment, const Analysis& analysis, Language language) {
  const bool korean = language == Language::kKorean;
  Table table(korean ? std::vector<std::string>{"지표", "변형", "관측", "평균", "한 번 볼 때 구간", "계속 볼 때 구간",
                                                "차이(계속 볼 때)"}
                     : std::vector<std::string>{"metric", "variant", "count", "mean", "interval, one look",
                                                "interval, every look", "difference, every look"});
  for (size_t m = 0; m < experiment.metrics.size(); ++m) {
    for (size_t v = 0; v < experiment.variants.size(); ++v) {
      const auto& one = analysis.estimates[v][m];
      std::string difference;
      if (v > 0 && analysis.treatments[v - 1].effects[m])
        difference = range(analysis.treatments[v - 1].effects[m]->anytime);
      table.add({v == 0 ? experiment.metrics[m].name : "", experiment.variants[v].name,
                 one ? with_commas(static_cast<long long>(one->count)) : "0", one ? format("%.4g", one->mean) : "",
                 one ? range(one->fixed) : "", one ? range(one->anytime) : "", difference});
    }
  }
  std::printf("%s\n", table.text().c_str());
  for (const TreatmentResult& one : analysis.treatments) {
    for (const GuardResult& guard : one.guards) {
      std::printf("%s: %s %s (%s %+.1f%%)\n", one.name.c_str(), guard.metric.c_str(), guard_name(guard.state),
                  korean ? "한도" : "limit", 100 * guard.limit);
    }
    if (analysis.treatments.size() > 1) std::printf("%s\n", one.reason.in(language).c_str());
  }
  std::printf("%s: %s\n", verdict_name(analysis.verdict), analysis.reason.in(language).c_str());
}

void result(const Options& options) {
  const Language language = language_called(options.language, "--lang");
  const Experiment experiment = read_experiment(options);
  const Analysis analysis = analyse(experiment, options.analysis);
  if (options.json)
    std::printf("%s\n", to_line(to_json(experiment, analysis, language)).c_str());
  else
    print(experiment, analysis, language);
}

void size(const Options& options) {
  const bool shares = options.rate && options.to, means = options.difference && options.deviation;
  if (shares == means)
    fail_input("hone ab size", "needs --rate and --to, or --difference and --deviation", "shares, or means");
  const SampleSize size =
      shares ? sample_size_for_shares(*options.rate, *options.to, options.size, "hone ab size")
             : sample_size_for_means(*options.difference, *options.deviation, options.size, "hone ab size");
  if (options.json) {
    std::printf(
        "%s\n",
        to_line(Json{{"per_variant", size.per_variant}, {"per_variant_anytime", size.per_variant_anytime}}).c_str());
    return;
  }
  const bool korean = language_called(options.language, "--lang") == Language::kKorean;
  std::printf(korean
                  ? "변형마다 %s명: 끝에 한 번만 볼 때\n변형마다 %s명: 언제든 볼 때 (hone ab result --expected %s)\n"
                  : "%s users a variant for one look at the end\n%s users a variant when looking all the time (hone ab "
                    "result --expected %s)\n",
              with_commas(static_cast<long long>(size.per_variant)).c_str(),
              with_commas(static_cast<long long>(size.per_variant_anytime)).c_str(),
              std::to_string(2 * size.per_variant).c_str());
}

void set_up_assign(CLI::App& app, const std::shared_ptr<Options>& options) {
  app.add_option("USER", options->users, "Ids; none: one a line from standard input");
  app.add_option("--experiment", options->experiment, "Its name; users of two experiments divide independently")
      ->capture_default_str();
  app.add_option("--split", options->split, "NAME=SHARE, once a variant; shares sum to 1")
      ->allow_extra_args(false)
      ->required();
  app.add_flag("--json", options->json, "Print {user, variant, fraction}, a line a user");
  app.footer("Example: hone ab assign --experiment tone --split control=0.5 --split treatment=0.5 user_12345");
  app.callback([options] { assign(*options); });
}

void set_up_result(CLI::App& app, const std::shared_ptr<Options>& options) {
  app.add_option("FILE", options->file, "JSONL: {\"variant\", METRIC: true or a number, …, \"user\"} a line")
      ->required();
  app.add_option("--split", options->split, "NAME=SHARE, once a variant, the control first")
      ->allow_extra_args(false)
      ->required();
  app.add_option("--metric", options->metrics, "Fields to compare; the first decides")
      ->allow_extra_args(false)
      ->required();
  app.add_option("--lower-is-better", options->lower, "Metrics of which less is better, e.g. latency_ms")
      ->allow_extra_args(false);
  app.add_option("--guard", options->guards,
                 "METRIC=SHARE: a guard rail, not to get worse by more, e.g. latency_ms=0.1")
      ->allow_extra_args(false);
  app.add_option("--alpha", options->analysis.alpha, "Probability of a false claim")->capture_default_str();
  app.add_option("--minimum", options->analysis.minimum_per_variant, "Observations a variant before anything is said")
      ->capture_default_str();
  app.add_option("--expected", options->analysis.expected, "Observations, all in all, where intervals are tightest")
      ->capture_default_str();
  app.add_option("--lang", options->language, "en or ko; default: LANG");
  app.add_flag("--json", options->json, "Print one JSON document");
  app.footer(
      "May be called as often as you like: the verdict allows for it.\nExample: hone ab result feedback.jsonl --split "
      "control=0.5 --split treatment=0.5 --metric "
      "thumbs");
  app.callback([options] { result(*options); });
}

void set_up_size(CLI::App& app, const std::shared_ptr<Options>& options) {
  app.add_option("--rate", options->rate, "Share of the control, e.g. 0.70");
  app.add_option("--to", options->to, "Share that is to be told from it, e.g. 0.73");
  app.add_option("--difference", options->difference, "Of means");
  app.add_option("--deviation", options->deviation, "Standard deviation within a variant");
  app.add_option("--alpha", options->size.alpha, "Probability of a false claim")->capture_default_str();
  app.add_option("--power", options->size.power, "Probability to find the effect")->capture_default_str();
  app.add_option("--lang", options->language, "en or ko; default: LANG");
  app.add_flag("--json", options->json, "Print {per_variant, per_variant_anytime}");
  app.callback([options] { size(*options); });
}

}  // namespace

void set_up_ab(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.require_subcommand(1);
  set_up_assign(*app.add_subcommand("assign", "Which variant users see"), options);
  set_up_result(*app.add_subcommand("result", "What a file of observations says so far, and the verdict"), options);
  set_up_size(*app.add_subcommand("size", "How many users it takes to find an effect"), options);
}

}  // namespace hone::cli
