#include "tune/fit.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/strings.h"
#include "model/quantization.h"

namespace hone::tune {
namespace {

/// One way to save memory: some settings, their text, and how much it takes away from what was asked for.
struct Change {
  std::vector<std::string> settings;
  double cost = 0;
  std::function<void(recipe::TrainConfig&)> apply;
};
using Choices = std::vector<Change>;  // of which one is taken; the first changes nothing

Choices recomputing(const recipe::TrainConfig& config) {
  Choices all{{}};
  if (!config.training.gradient_checkpointing) {
    all.push_back({{"training.gradient_checkpointing=true"}, 1, [](recipe::TrainConfig& c) {
                     c.training.gradient_checkpointing = true;
                   }});
  }
  return all;
}

Choices smaller_batches(const recipe::TrainConfig& config) {
  Choices all{{}};
  const int64_t rows = config.training.per_device_train_batch_size, steps = config.training.gradient_accumulation_steps;
  for (int64_t parts = 2; rows / parts >= 1; parts *= 2) {
    const int64_t fewer = rows / parts, more = (steps * rows + fewer - 1) / fewer;
    all.push_back({{format("training.per_device_train_batch_size=%ld", fewer),
                    format("training.gradient_accumulation_steps=%ld", more)},
                   1 + 0.1 * static_cast<double>(all.size()),
                   [fewer, more](recipe::TrainConfig& c) {
                     c.training.per_device_train_batch_size = fewer;
                     c.training.gradient_accumulation_steps = more;
                   }});
  }
  return all;
}

Choices fewer_bits(const recipe::TrainConfig& config) {
  Choices all{{}};
  const MethodKind& method = methods().at(config.method, "method").make;
  if (config.training.optim != "adamw_8bit")
    all.push_back({{"training.optim=adamw_8bit"}, 3, [](recipe::TrainConfig& c) { c.training.optim = "adamw_8bit"; }});
  const bool dense = !config.quantization.load_in_4bit &&
                     !model::stored_quantization(std::filesystem::path(config.model.name_or_path));
  if (method.takes_few_bits && dense) {
    all.push_back({{"quantization.load_in_4bit=true"}, 4, [](recipe::TrainConfig& c) {
                     c.quantization.load_in_4bit = true;
                     c.quantization.load_in_8bit = false;
                   }});
  }
  if (method.trains_base) {
    all.push_back({{"method=lora"}, 8, [](recipe::TrainConfig& c) { c.method = "lora"; }});
    all.push_back({{"method=lora", "quantization.load_in_4bit=true"}, 10, [](recipe::TrainConfig& c) {
                     c.method = "lora";
                     c.quantization.load_in_4bit = true;
                   }});
  }
  return all;
}

Choices shorter_examples(const recipe::TrainConfig& config) {
  constexpr int64_t kShortest = 128;
  Choices all{{}};
  for (int64_t length = config.data.max_length / 2; length >= kShortest; length /= 2) {
    all.push_back({{format("data.max_length=%ld", length)},
                   5 + static_cast<double>(all.size()),
                   [length](recipe::TrainConfig& c) { c.data.max_length = length; }});
  }
  return all;
}

/// Cut as on_too_long: truncate does; what loses all that is trained is left out, with the `unit` it belongs to.
Examples shortened(const Examples& examples, size_t max_length, size_t unit) {
  Examples all;
  for (size_t begin = 0; begin + unit <= examples.size(); begin += unit) {
    Examples together(examples.begin() + static_cast<std::ptrdiff_t>(begin),
                      examples.begin() + static_cast<std::ptrdiff_t>(begin + unit));
    for (text::EncodedExample& example : together) {
      if (example.ids.size() <= max_length) continue;
      example.ids.resize(max_length);
      example.trained.resize(max_length);
    }
    if (std::all_of(together.begin(), together.end(), [](const auto& e) { return text::trained_targets(e) > 0; }))
      all.insert(all.end(), together.begin(), together.end());
  }
  return all;
}

RunData shortened(const RunData& data, int64_t max_length, size_t unit) {
  const auto length = static_cast<size_t>(max_length);
  return {.train = shortened(data.train, length, unit),
          .validation = shortened(data.validation, length, unit),
          .test = shortened(data.test, length, unit)};
}

/// One of each group of choices, as numbers, by rising cost of them all.
std::vector<std::vector<size_t>> by_cost(const std::vector<Choices>& groups) {
  std::vector<std::vector<size_t>> all{{}};
  for (const Choices& group : groups) {
    std::vector<std::vector<size_t>> longer;
    for (const auto& chosen : all) {
      for (size_t i = 0; i < group.size(); ++i) {
        longer.push_back(chosen);
        longer.back().push_back(i);
      }
    }
    all = std::move(longer);
  }
  const auto cost = [&](const std::vector<size_t>& chosen) {
    double sum = 0;
    for (size_t g = 0; g < groups.size(); ++g) sum += groups[g][chosen[g]].cost;
    return sum;
  };
  std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return cost(a) < cost(b); });
  return all;
}

/// Whether `more` changes all that `less` does, at least as far.
bool contains(const std::vector<size_t>& more, const std::vector<size_t>& less) {
  for (size_t g = 0; g < less.size(); ++g) {
    if (less[g] != 0 && more[g] < less[g]) return false;
  }
  return true;
}

}  // namespace

std::vector<Fit> nearest_fits(const recipe::TrainConfig& config, const ObjectiveKind& objective, const RunData& data,
                              const c10::Device& device, int64_t program, int64_t budget, size_t most) {
  const std::vector<Choices> groups{recomputing(config), smaller_batches(config), fewer_bits(config),
                                    shorter_examples(config)};
  std::vector<Fit> fits;
  std::vector<std::vector<size_t>> taken;
  int64_t length = 0;  // of the data below
  std::optional<RunData> cut;
  for (const auto& chosen : by_cost(groups)) {
    if (fits.size() >= most) break;
    if (std::any_of(taken.begin(), taken.end(), [&](const auto& less) { return contains(chosen, less); })) continue;
    recipe::TrainConfig changed = config;
    Fit fit;
    for (size_t g = 0; g < groups.size(); ++g) {
      const Change& change = groups[g][chosen[g]];
      if (change.apply) change.apply(changed);
      fit.changes.insert(fit.changes.end(), change.settings.begin(), change.settings.end());
    }
    if (fit.changes.empty()) continue;
    const int64_t wanted = changed.data.max_length;
    const bool shorter = wanted != config.data.max_length;
    if (shorter && wanted != length) cut = shortened(data, wanted, objective.branches.size()), length = wanted;
    if (shorter && cut->train.empty()) continue;
    fit.peak = plan_memory(changed, objective, shorter ? *cut : data, device, program).peak;
    if (fit.peak > budget) continue;
    fits.push_back(std::move(fit));
    taken.push_back(chosen);
  }
  return fits;
}

}  // namespace hone::tune
