// What a model folder costs in memory while and after it is read.
#include "model/checkpoint.h"

#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "model/small_model.h"
#include "temporary_folder.h"

namespace hone::model {
namespace {

/// Bytes of mapped files that count as memory of this process.
int64_t mapped_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kilobytes = -1;
  while (status >> word) {
    if (word == "RssFile:") status >> kilobytes;
  }
  return kilobytes * 1024;
}

/// A model of about 30 MiB in float32.
void write_model(const std::filesystem::path& folder) {
  const Json json = {{"architectures", {"LlamaForCausalLM"}},
                     {"model_type", "llama"},
                     {"vocab_size", 4096},
                     {"hidden_size", 512},
                     {"intermediate_size", 1408},
                     {"num_hidden_layers", 2},
                     {"num_attention_heads", 8},
                     {"num_key_value_heads", 4},
                     {"max_position_embeddings", 64},
                     {"rms_norm_eps", 1e-5},
                     {"tie_word_embeddings", true}};
  write_json(folder / "config.json", json);
  const auto decoder = Decoder::random(read_config(folder), {}, 3);
  save_model(*decoder, folder, folder, at::kFloat);
}

TEST(Checkpoint, ConvertedWeightsDoNotKeepTheirFileInMemory) {
  const TemporaryFolder folder;
  write_model(folder.path());
  const auto file_size = static_cast<int64_t>(std::filesystem::file_size(folder / "model.safetensors"));
  ASSERT_GT(file_size, int64_t{28} << 20);
  // The first load brings in code, which is mapped as well.
  { const auto warm = Decoder::load(folder.path(), {.compute_type = at::kBFloat16}); }

  const int64_t before = mapped_bytes();
  const auto decoder = Decoder::load(folder.path(), {.compute_type = at::kBFloat16});
  EXPECT_LT(mapped_bytes() - before, file_size / 10);

  // What is used as it is stored stays where it is: in the file.
  const auto in_place = Decoder::load(folder.path(), {.compute_type = at::kFloat});
  for (const auto& parameter : in_place->parameters()) static_cast<void>(parameter.tensor->sum());
  EXPECT_GT(mapped_bytes() - before, file_size * 9 / 10);
}

TEST(Checkpoint, AReleasedTensorIsReadAgain) {
  const TemporaryFolder folder;
  const auto file = folder / "three.safetensors";
  const Tensor middle = random_tensor({100, 70}, at::kFloat);
  write_tensors(file, {{"a", random_tensor({5}, at::kFloat)}, {"b", middle}, {"c", random_tensor({9}, at::kFloat)}});
  const Checkpoint checkpoint = Checkpoint::from_file(file);
  const Tensor view = checkpoint.tensor("b");
  for (const std::string& name : checkpoint.names()) checkpoint.release(name);
  EXPECT_TRUE(at::allclose(view, middle, 0, 0));
  EXPECT_THROW(checkpoint.release("d"), std::exception);
}

}  // namespace
}  // namespace hone::model
