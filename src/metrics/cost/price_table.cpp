#include "metrics/cost/price_table.h"

#include <algorithm>
#include <cstdio>

#include "base/config/values.h"
#include "base/config/yaml.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace hone::metrics {
namespace {

constexpr const char* kBuiltIn =
#include "prices.inc"
    ;

/// Refuses what it cannot read at the place where it stands.
class Reader {
 public:
  explicit Reader(const std::string& source) : source_(source) {}

  [[noreturn]] void fail(const YamlNode& node, const std::string& message, const std::string& remedy) const {
    fail_input(format("%s:%d:%d", source_.c_str(), node.line, node.column), message, remedy);
  }

  std::string text(const YamlNode& node, const std::string& name) const {
    if (node.kind != YamlNode::Kind::kScalar || node.text.empty()) fail(node, name + " is no text", "write one");
    return node.text;
  }

  double price(const YamlNode& node, const std::string& name) const {
    const auto value = node.kind == YamlNode::Kind::kScalar ? parse_number(node.text) : std::nullopt;
    if (!value || *value < 0) fail(node, name + " is no price", "write a number of currency units per million tokens");
    return *value;
  }

  std::string date(const YamlNode& node) const {
    std::string value = text(node, "date");
    if (!days_since(value, {})) fail(node, "date \"" + excerpt(value, 40) + "\" is none", "write it as 2024-08-20");
    return value;
  }

  ModelPrice model(const YamlEntry& entry) const {
    ModelPrice price{text(entry.key, "a model's name"), {}, 0, 0, "", ""};
    if (entry.value.kind != YamlNode::Kind::kMap) fail(entry.value, price.name + " has no prices", kPricesRemedy);
    bool input = false, output = false;
    for (const auto& [key, value] : entry.value.entries) {
      if (key.text == "training")
        price.training = this->price(value, key.text);
      else if (key.text == "inference_input")
        price.inference_input = this->price(value, key.text), input = true;
      else if (key.text == "inference_output")
        price.inference_output = this->price(value, key.text), output = true;
      else if (key.text == "date")
        price.date = date(value);
      else if (key.text == "source")
        price.source = text(value, key.text);
      else
        fail(key, "\"" + excerpt(key.text, 40) + "\" is unknown", kPricesRemedy);
    }
    if (!input || !output) fail(entry.value, price.name + " lacks inference_input or inference_output", kPricesRemedy);
    return price;
  }

 private:
  static constexpr const char* kPricesRemedy =
      "known: training, inference_input, inference_output, date, source; training alone may be missing";
  const std::string& source_;
};

}  // namespace

PriceTable parse_prices(std::string_view yaml, const std::string& source) {
  const YamlNode document = parse_yaml(yaml, source);
  const Reader reader(source);
  if (document.kind != YamlNode::Kind::kMap)
    fail_input(source, "is no price table", "docs/cost.md shows one: date, currency, source, models");
  PriceTable table;
  for (const auto& [key, value] : document.entries) {
    if (key.text == "date") {
      table.date = reader.date(value);
    } else if (key.text == "currency") {
      table.currency = reader.text(value, key.text);
    } else if (key.text == "source") {
      table.source = reader.text(value, key.text);
    } else if (key.text == "models" && value.kind == YamlNode::Kind::kMap) {
      for (const YamlEntry& entry : value.entries) {
        table.models.push_back(reader.model(entry));
        const auto same = [&](const ModelPrice& other) { return other.name == table.models.back().name; };
        if (std::count_if(table.models.begin(), table.models.end(), same) > 1)
          reader.fail(entry.key, "model \"" + excerpt(entry.key.text, 60) + "\" is there twice", "keep one of them");
      }
    } else {
      reader.fail(key, "\"" + excerpt(key.text, 40) + "\" is unknown or of the wrong form",
                  "known: date, currency, source, models (a map)");
    }
  }
  if (table.date.empty() || table.currency.empty() || table.source.empty() || table.models.empty()) {
    fail_input(source, "lacks date, currency, source or models",
               "a price without a date and a source cannot be judged; docs/cost.md shows the form");
  }
  for (ModelPrice& model : table.models) {
    if (model.date.empty()) model.date = table.date;
    if (model.source.empty()) model.source = table.source;
  }
  return table;
}

PriceTable read_prices(const std::filesystem::path& file) {
  PriceTable table = parse_prices(read_file(file), file.string());
  table.file = file.string();
  return table;
}

const PriceTable& builtin_prices() {
  static const PriceTable table = parse_prices(kBuiltIn, "built-in prices");
  return table;
}

const ModelPrice& PriceTable::model(const std::string& name, const std::string& place) const {
  std::vector<std::string> names;
  for (const ModelPrice& one : models) {
    if (one.name == name) return one;
    names.push_back(one.name);
  }
  fail_input(place,
             "Unknown model: " + excerpt(name, 80) + ";" + did_you_mean(name, names) + " known: " + join(names, ", "),
             "add it to a table of your own and give that with --prices");
}

std::optional<int> days_since(const std::string& date, std::chrono::sys_days today) {
  int year = 0, length = 0;
  unsigned month = 0, day = 0;
  if (date.size() != 10 || std::sscanf(date.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &length) != 3 ||
      length != 10)
    return std::nullopt;
  const std::chrono::year_month_day parts{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!parts.ok()) return std::nullopt;
  return static_cast<int>((today - std::chrono::sys_days(parts)).count());
}

}  // namespace hone::metrics
