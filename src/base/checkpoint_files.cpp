// Which files hold a checkpoint's tensors: one, or shards that an index names.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "base/strings.h"

namespace hone {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRemedy = "the folder is incomplete; copy or download the model again";

/// What lies in the folder instead, for the message when nothing fits.
std::string other_weights(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".safetensors" || extension == ".bin" || extension == ".gguf" || extension == ".pth") {
      names.push_back(entry.path().filename().string());
    }
  }
  return names.empty() ? "" : "; it holds " + join(names, ", ");
}

}  // namespace

CheckpointFiles::CheckpointFiles(const fs::path& path, const std::string& stem) : path_(path) {
  require_exists(path, "checkpoint");
  if (!fs::is_directory(path)) {
    if (path.extension() == ".json") {
      read_index(path);
    } else {
      add_file(path);
    }
    return;
  }
  const fs::path single = path / (stem + ".safetensors"), index = path / (stem + ".safetensors.index.json");
  if (fs::exists(single)) {
    add_file(single);
  } else if (fs::exists(index)) {
    read_index(index);
  } else {
    fail_input(path.string(),
               "has neither " + single.filename().string() + " nor " + index.filename().string() + other_weights(path),
               "give the folder of a checkpoint saved in the safetensors format");
  }
}

void CheckpointFiles::add_file(const fs::path& path) {
  const auto& file = files_.emplace_back(std::make_unique<SafetensorsFile>(path));
  for (const StoredTensor& tensor : file->tensors()) tensors_[tensor.name] = {&tensor, file.get()};
}

void CheckpointFiles::read_index(const fs::path& index) {
  const Json document = read_json(index);
  if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object() ||
      document["weight_map"].empty()) {
    fail_input(index.string(), "has no \"weight_map\" object that says which file holds which tensor", kRemedy);
  }
  std::map<std::string, const SafetensorsFile*> opened;
  for (const auto& [name, value] : document["weight_map"].items()) {
    const std::string place = index.string() + ": weight_map: \"" + excerpt(name, 120) + "\"";
    const std::string shard = value.is_string() ? value.get<std::string>() : "";
    // A shard is a plain file name: an index from elsewhere must not reach outside its own folder.
    if (shard.empty() || shard.find('/') != std::string::npos || shard == ".." || shard == "." ||
        shard.find('\0') != std::string::npos) {
      fail_input(place, "names " + excerpt(to_line(value), 80) + ", expected the name of a file in the same folder",
                 kRemedy);
    }
    auto& file = opened[shard];
    if (file == nullptr) {
      const fs::path path = index.parent_path() / shard;
      std::error_code ignored;
      if (!fs::exists(path, ignored)) fail_input(place, "lies in " + path.string() + ", which is missing", kRemedy);
      file = files_.emplace_back(std::make_unique<SafetensorsFile>(path)).get();
    }
    const StoredTensor* tensor = file->find(name);
    if (tensor == nullptr)
      fail_input(place, "should lie in " + file->path().string() + ", which does not have it", kRemedy);
    tensors_[name] = {tensor, file};
  }
}

const LocatedTensor& CheckpointFiles::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [other, located] : tensors_) known.push_back(other);
  fail_input(path_.string(),
             "has no tensor \"" + excerpt(name, 120) + "\";" + did_you_mean(name, known) +
                 format(" it holds %zu tensors", known.size()),
             "the checkpoint belongs to another architecture, or config.json to another checkpoint");
}

uint64_t CheckpointFiles::total_bytes() const {
  uint64_t total = 0;
  for (const auto& [name, located] : tensors_) total += located.tensor->size();
  return total;
}

}  // namespace hone
