#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"
#include "data/content_key.h"

namespace hone::data {
namespace {

/// Union-find with path halving.
class Sets {
 public:
  explicit Sets(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0u); }
  uint32_t find(uint32_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(uint32_t a, uint32_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<uint32_t> parent_;
};

struct Cluster {
  uint64_t order = 0;  // decides its place in the draw: a hash of seed and content
  std::vector<uint32_t> rows;
};

std::vector<uint32_t> cluster_of(std::span<const SplitKey> rows, bool same_answer) {
  Sets sets(rows.size());
  std::unordered_map<uint64_t, uint32_t> by_content, by_answer;
  std::unordered_map<std::string, uint32_t> by_group;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    sets.join(i, by_content.try_emplace(rows[i].content, i).first->second);
    if (same_answer) sets.join(i, by_answer.try_emplace(rows[i].answer, i).first->second);
    if (!rows[i].group.empty()) sets.join(i, by_group.try_emplace(rows[i].group, i).first->second);
  }
  std::vector<uint32_t> root(rows.size());
  for (uint32_t i = 0; i < rows.size(); ++i) root[i] = sets.find(i);
  return root;
}

uint64_t draw(uint64_t seed, uint64_t content) {
  return hash64({reinterpret_cast<const char*>(&content), sizeof content}, seed);
}

/// Clusters of each stratum, in the order of the draw. A cluster of mixed strata belongs to that of its
/// first row in the draw, which does not depend on the order of the file.
std::map<std::string, std::vector<Cluster>> draw_clusters(std::span<const SplitKey> rows, const SplitOptions& options) {
  const std::vector<uint32_t> root = cluster_of(rows, options.same_answer);
  struct Drawn {
    uint64_t order = UINT64_MAX;
    std::string stratum;
    std::vector<uint32_t> rows;
  };
  std::unordered_map<uint32_t, Drawn> drawn;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    Drawn& cluster = drawn[root[i]];
    const uint64_t order = draw(options.seed, rows[i].content);
    if (cluster.rows.empty() || order < cluster.order ||
        (order == cluster.order && rows[i].stratum < cluster.stratum)) {
      cluster.order = order;
      cluster.stratum = rows[i].stratum;
    }
    cluster.rows.push_back(i);
  }
  std::map<std::string, std::vector<Cluster>> strata;
  for (auto& [first, cluster] : drawn) strata[cluster.stratum].push_back({cluster.order, std::move(cluster.rows)});
  for (auto& [name, clusters] : strata) {
    std::sort(clusters.begin(), clusters.end(), [](const Cluster& a, const Cluster& b) { return a.order < b.order; });
  }
  return strata;
}

/// Shares `total` among the strata in proportion to their sizes (largest remainders), so that the parts add up.
std::map<std::string, size_t> apportion(const std::map<std::string, std::vector<Cluster>>& strata, double share,
                                        size_t total) {
  std::map<std::string, size_t> quota;
  std::vector<std::pair<double, std::string>> remainders;
  size_t given = 0;
  for (const auto& [name, clusters] : strata) {
    size_t size = 0;
    for (const Cluster& cluster : clusters) size += cluster.rows.size();
    const double exact = share * static_cast<double>(size);
    quota[name] = static_cast<size_t>(exact);
    given += quota[name];
    remainders.emplace_back(exact - std::floor(exact), name);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t i = 0; given < total && i < remainders.size(); ++i, ++given) ++quota[remainders[i].second];
  return quota;
}

size_t wanted_rows(double share, size_t rows) {
  if (share <= 0) return 0;
  return std::max<size_t>(1, static_cast<size_t>(std::llround(share * static_cast<double>(rows))));
}

/// Moves clusters, in draw order, into `part` until it has its quota.
void take(std::vector<Cluster>& clusters, size_t quota, std::vector<uint32_t>& part) {
  size_t taken = 0;
  std::erase_if(clusters, [&](const Cluster& cluster) {
    if (cluster.rows.size() > quota - taken) return false;
    taken += cluster.rows.size();
    part.insert(part.end(), cluster.rows.begin(), cluster.rows.end());
    return true;
  });
}

void check(const Split& split, const SplitOptions& options, size_t rows) {
  const auto complain = [&](const char* part, double share) {
    fail_input("split",
               format("%s %g leaves the %s set without a row: %zu rows, duplicates and groups kept together", part,
                      share, part, rows),
               "give more rows or a larger share, or drop the grouping");
  };
  if (options.validation > 0 && split.validation.empty()) complain("validation", options.validation);
  if (options.test > 0 && split.test.empty()) complain("test", options.test);
  if (split.train.empty()) {
    fail_input("split", format("nothing is left to train on: %zu rows", rows), "give more rows or smaller shares");
  }
}

}  // namespace

Split split_rows(std::span<const SplitKey> rows, const SplitOptions& options) {
  const auto valid = [](double share) { return share >= 0 && share < 1; };
  if (!valid(options.validation) || !valid(options.test) || options.validation + options.test >= 1) {
    fail_input("split",
               format("shares validation %g and test %g must be at least 0 and together below 1", options.validation,
                      options.test),
               "for example validation 0.1 and test 0.1");
  }
  Split split;
  auto strata = draw_clusters(rows, options);
  const auto validation = apportion(strata, options.validation, wanted_rows(options.validation, rows.size()));
  const auto test = apportion(strata, options.test, wanted_rows(options.test, rows.size()));
  for (auto& [name, clusters] : strata) {
    take(clusters, validation.at(name), split.validation);
    take(clusters, test.at(name), split.test);
    for (const Cluster& cluster : clusters)
      split.train.insert(split.train.end(), cluster.rows.begin(), cluster.rows.end());
  }
  for (auto* part : {&split.train, &split.validation, &split.test}) std::sort(part->begin(), part->end());
  check(split, options, rows.size());
  return split;
}

Split split_examples(std::span<const Example> examples, const SplitOptions& options) {
  std::vector<SplitKey> keys;
  keys.reserve(examples.size());
  for (const Example& example : examples) keys.push_back({prompt_key(example), answer_key(example), "", ""});
  return split_rows(keys, options);
}

}  // namespace hone::data
