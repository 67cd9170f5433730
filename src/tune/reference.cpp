#include "tune/reference.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "tensor/device.h"
#include "tune/sequence_logps.h"

namespace hone::tune {
namespace fs = std::filesystem;
namespace {

/// Of the content of the files that make a model; not of their names' folder or times.
std::string model_fingerprint(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".safetensors" || path.filename() == "config.json") files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  std::string parts;
  for (const fs::path& path : files) parts += path.filename().string() + fingerprint(MappedFile(path).view());
  return fingerprint(parts);
}

std::string checksum(const std::vector<double>& values) {
  return fingerprint({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)});
}

/// Nothing where there is no such file, or not a whole one.
std::optional<std::vector<double>> read_values(const fs::path& file, size_t count) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  try {
    const Json json = read_json(file);
    auto values = json.at("logps").get<std::vector<double>>();
    if (values.size() == count && json.at("checksum") == checksum(values)) return values;
  } catch (const Error&) {
  } catch (const nlohmann::json::exception&) {
  }
  return std::nullopt;
}

}  // namespace

Reference::Reference(model::Decoder& decoder) : decoder_(decoder), start_(std::make_unique<StartWeights>(decoder)) {}

Tensor Reference::sequence_logps(const Examples& examples, std::span<const uint32_t> sequences) {
  if (const auto known = values_.find(&examples); known != values_.end()) {
    std::vector<double> values;
    for (const uint32_t i : sequences) values.push_back(known->second.at(i));
    return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(at::kDouble))
        .clone();
  }
  if (start_ == nullptr) fail_work("reference", "is asked about data that it was not prepared for");
  Tensor logps;
  start_->with([&] { logps = tune::sequence_logps(decoder_, examples, sequences, {}); });
  return logps;
}

std::vector<double> Reference::compute(const Examples& examples, const PrecomputeOptions& options) {
  std::vector<double> values;
  std::vector<uint32_t> chosen;
  std::unique_ptr<Progress> progress;
  if (options.show_progress)
    progress = std::make_unique<Progress>("reference", static_cast<double>(examples.size()), "sequences");
  start_->with([&] {
    while (values.size() < examples.size()) {
      chosen.resize(std::min<size_t>(static_cast<size_t>(options.sequences), examples.size() - values.size()));
      std::iota(chosen.begin(), chosen.end(), static_cast<uint32_t>(values.size()));
      const Tensor logps = tune::sequence_logps(decoder_, examples, chosen, {});
      values.insert(values.end(), logps.const_data_ptr<double>(), logps.const_data_ptr<double>() + logps.numel());
      if (progress) progress->update(static_cast<double>(values.size()));
      if (interrupted()) {
        throw Error(ErrorKind::kInterrupted, "", "stopped while the reference was computed; nothing was trained yet",
                    "start the same command again");
      }
    }
  });
  return values;
}

void Reference::precompute(const std::vector<const Examples*>& sets, const PrecomputeOptions& options) {
  const std::string common = model_fingerprint(options.base_folder) + options.loaded_as + start_->fingerprint() +
                             tensor::dtype_name(decoder_.options().compute_type) +
                             tensor::processor_summary(decoder_.options().device);
  fs::create_directories(options.folder);
  for (const Examples* set : sets) {
    if (set->empty()) continue;
    const std::string key = fingerprint(common + data_fingerprint(*set));
    const fs::path file = options.folder / (key + ".json");
    auto known = read_values(file, set->size());
    if (known) {
      options.note(format("reference log-probabilities of %zu sequences: from %s", set->size(), file.c_str()));
    } else {
      known = compute(*set, options);
      write_json(file, {{"checksum", checksum(*known)}, {"logps", *known}});
      options.note(format("reference log-probabilities of %zu sequences: in %s", set->size(), file.c_str()));
    }
    values_[set] = std::move(*known);
  }
  start_.reset();
}

}  // namespace hone::tune
