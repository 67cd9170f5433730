// Prices as data: a YAML file with a date and a source, and models with what a million tokens cost.
//
//   date: 2024-08-20
//   currency: USD
//   source: https://…
//   models:
//     NAME: {training: 3.00, inference_input: 0.30, inference_output: 1.20, date: …, source: …}   # the last two may be
//     missing
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::metrics {

struct ModelPrice {
  std::string name;
  /// Per million tokens; `training` is missing for a model that is used as it is.
  std::optional<double> training;
  double inference_input = 0, inference_output = 0;
  std::string date, source;  ///< its own, or the table's
};

struct PriceTable {
  std::string file;  ///< "" for the built-in one
  std::string date, currency, source;
  std::vector<ModelPrice> models;

  /// Unknown: Error naming `place` and near names.
  const ModelPrice& model(const std::string& name, const std::string& place) const;
};

/// Faults throw Error naming `source`, line and column.
PriceTable parse_prices(std::string_view yaml, const std::string& source);
PriceTable read_prices(const std::filesystem::path& file);
const PriceTable& builtin_prices();

/// Days from a date "2024-08-20" until `today`; nothing for text that is no date.
std::optional<int> days_since(const std::string& date, std::chrono::sys_days today);

}  // namespace hone::metrics
