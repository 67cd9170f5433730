#include "evaluate/loss.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "model/head_loss.h"

namespace hone::evaluate {

double LossResult::loss() const {
  return tokens > 0 ? nll_sum / static_cast<double>(tokens) : std::nan("");
}
double LossResult::perplexity() const {
  return std::exp(loss());
}
double LossResult::accuracy() const {
  return tokens > 0 ? static_cast<double>(correct) / static_cast<double>(tokens) : std::nan("");
}

LossResult dataset_loss(model::Decoder& decoder, const std::vector<text::EncodedExample>& examples, int64_t rows,
                        const std::function<void(size_t)>& progress) {
  const at::NoGradGuard no_grad;
  LossResult result;
  for (size_t begin = 0; begin < examples.size(); begin += static_cast<size_t>(rows)) {
    const size_t end = std::min(examples.size(), begin + static_cast<size_t>(rows));
    std::vector<std::span<const int32_t>> sequences;
    std::vector<int64_t> wanted;
    for (size_t i = begin; i < end; ++i) {
      const auto& example = examples[i];
      sequences.emplace_back(example.ids);
      text::append_targets(example, model::kIgnore, wanted);
    }
    const auto batch = model::pack_evenly(sequences, decoder.options().device);
    wanted.resize(static_cast<size_t>(batch.cu_seqlens.back()), model::kIgnore);
    const auto part =
        model::head_loss(decoder, decoder.hidden(batch, {}), tensor_of(wanted), {}, {.keep_tokens = true});
    result.nll_sum += part.nll_sum;
    result.tokens += part.tokens;
    result.correct += part.correct;
    const Tensor nll = part.token_nll.cpu(), right = part.token_correct.cpu();
    const auto* values = nll.const_data_ptr<float>();
    const auto* hits = right.const_data_ptr<bool>();
    for (size_t i = begin; i < end; ++i) {
      const int64_t count = text::trained_targets(examples[i]);
      double sum = 0;
      for (int64_t t = 0; t < count; ++t) sum += *values++;
      result.example_nll.push_back(sum);
      result.example_correct.push_back(std::count(hits, hits + count, true));
      hits += count;
      result.example_tokens.push_back(count);
    }
    if (progress) progress(end);
  }
  return result;
}

}  // namespace hone::evaluate
