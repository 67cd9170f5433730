#include "evaluate/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tensor/device.h"

namespace hone::evaluate {
namespace {

const std::string kFolder = HONE_SOURCE_DIR "/tests/data/tinystories-260k";

TEST(Loss, EqualsThePublishedModelsFiguresInFloat64) {
  tensor::set_threads(1);
  const auto decoder = model::Decoder::load(kFolder, {});
  const Json golden = read_json(kFolder + "/nll.json");
  std::vector<text::EncodedExample> examples;
  for (const Json& example : golden.at("cases")) {
    text::EncodedExample encoded;
    encoded.ids = example.at("ids").get<std::vector<int32_t>>();
    encoded.trained.assign(encoded.ids.size(), 1);
    examples.push_back(encoded);
  }
  ASSERT_GE(examples.size(), 2u);
  for (const int64_t rows : {1, 2}) {
    const LossResult result = dataset_loss(*decoder, examples, rows);
    double sum = 0;
    for (size_t i = 0; i < examples.size(); ++i) {
      const double mean = golden.at("cases")[i].at("mean_nll").get<double>();
      EXPECT_EQ(result.example_tokens[i], static_cast<int64_t>(examples[i].ids.size()) - 1);
      EXPECT_NEAR(result.example_nll[i] / static_cast<double>(result.example_tokens[i]), mean, 2e-5);
      sum += result.example_nll[i];
    }
    EXPECT_NEAR(result.nll_sum, sum, 1e-4);
    EXPECT_DOUBLE_EQ(result.perplexity(), std::exp(result.loss()));
  }
}

}  // namespace
}  // namespace hone::evaluate
