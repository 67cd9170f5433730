#include "tune/trainer_state.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "model/checkpoint.h"

namespace hone::tune {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStateFile = "trainer_state.json";
constexpr const char* kPassingMark = "passing";  // an empty file in a checkpoint that the next one takes the place of
constexpr int kFormatVersion = 2;                // on disk: frozen; a change of meaning needs a new number

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::optional<double> optional_number(const Json& json, const char* key) {
  return json.at(key).is_null() ? std::nullopt : std::optional<double>(json.at(key).get<double>());
}

Json to_json(const TrainerState& s) {
  return {{"format_version", kFormatVersion},
          {"step", s.step},
          {"epoch", s.epoch},
          {"micro_in_epoch", s.micro_in_epoch},
          {"tokens", s.tokens},
          {"loss_sum", s.whole.loss},
          {"loss_units", s.whole.units},
          {"window_loss", s.window.loss},
          {"window_units", s.window.units},
          {"window_others", s.window.others},
          {"best_metric", optional_json(s.best_metric)},
          {"first_eval_loss", optional_json(s.first_eval_loss)},
          {"last_eval_loss", optional_json(s.last_eval_loss)},
          {"best_step", s.best_step},
          {"evaluations_without_gain", s.evaluations_without_gain},
          {"seconds", s.seconds},
          {"run_fingerprint", s.run_fingerprint}};
}

TrainerState from_json(const Json& json) {
  TrainerState s;
  s.step = json.at("step");
  s.epoch = json.at("epoch");
  s.micro_in_epoch = json.at("micro_in_epoch");
  s.tokens = json.at("tokens");
  s.whole.loss = json.at("loss_sum");
  s.whole.units = json.at("loss_units");
  s.window.loss = json.at("window_loss");
  s.window.units = json.at("window_units");
  s.window.others = json.at("window_others");
  s.best_metric = optional_number(json, "best_metric");
  s.first_eval_loss = optional_number(json, "first_eval_loss");
  s.last_eval_loss = optional_number(json, "last_eval_loss");
  s.best_step = json.at("best_step");
  s.evaluations_without_gain = json.at("evaluations_without_gain");
  s.seconds = json.at("seconds");
  s.run_fingerprint = json.at("run_fingerprint");
  return s;
}

/// (step, folder) of every checkpoint, oldest first.
std::vector<std::pair<int64_t, fs::path>> checkpoints(const fs::path& output_dir) {
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(output_dir, ignored)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view kStem = "checkpoint-";
    if (!starts_with(name, kStem) || !fs::exists(entry.path() / kStateFile, ignored)) continue;
    const std::string number = name.substr(kStem.size());
    if (number.empty() || number.size() > 18 || number.find_first_not_of("0123456789") != std::string::npos) continue;
    found.emplace_back(std::stoll(number), entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void remove_checkpoint(const fs::path& folder) {
  // Hidden under a name that sweep_leftovers knows, so that a kill leaves no half of a checkpoint under its own name.
  const fs::path hidden =
      folder.parent_path() / ("." + folder.filename().string() + format(".tmp-%d", static_cast<int>(::getpid())));
  std::error_code gone;  // another may remove it at the same time
  fs::rename(folder, hidden, gone);
  if (!gone) fs::remove_all(hidden, gone);
}

void save_checkpoint(const fs::path& output_dir, const TrainerState& state, const Method& method,
                     const Optimizer& optimizer, int64_t limit, Keep keep) {
  write_folder(output_dir / format("checkpoint-%ld", state.step), [&](const fs::path& folder) {
    method.save_state(folder);
    model::write_tensors(folder / "optimizer.safetensors", optimizer.state());
    write_json(folder / kStateFile, to_json(state));
    if (keep == Keep::kPassing) write_file(folder / kPassingMark, "");
  });
  std::vector<fs::path> lasting;
  for (const auto& [step, folder] : checkpoints(output_dir)) {
    if (!fs::exists(folder / kPassingMark))
      lasting.push_back(folder);
    else if (step < state.step)
      remove_checkpoint(folder);
  }
  for (size_t i = 0; limit > 0 && i + static_cast<size_t>(limit) < lasting.size(); ++i) remove_checkpoint(lasting[i]);
}

TrainerState load_checkpoint(const fs::path& folder, const std::string& run_fingerprint, Method& method,
                             Optimizer& optimizer) {
  require_exists(folder, "checkpoint");
  const fs::path path = folder / kStateFile;
  TrainerState state;
  try {
    const Json json = read_json(path);
    if (const int version = json.at("format_version"); version != kFormatVersion) {
      fail_input(path.string(), format("has format version %d, this program reads %d", version, kFormatVersion),
                 "continue it with the version of hone that wrote it");
    }
    state = from_json(json);
  } catch (const nlohmann::json::exception& fault) {
    fail_input(path.string(), std::string("is not a trainer state: ") + fault.what(),
               "resume from an earlier checkpoint");
  }
  if (state.run_fingerprint != run_fingerprint) {
    fail_input(
        folder.string(),
        "was written by a run with other data or settings, so its losses could not be continued exactly",
        "restore the configuration and data of that run (config.yaml in the run's folder), or start a new output_dir");
  }
  method.restore(folder);
  optimizer.restore(model::Checkpoint::from_file(folder / "optimizer.safetensors"));
  return state;
}

fs::path latest_checkpoint(const fs::path& output_dir) {
  const auto all = checkpoints(output_dir);
  return all.empty() ? fs::path() : all.back().second;
}

}  // namespace hone::tune
