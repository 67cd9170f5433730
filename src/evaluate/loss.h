// Loss, perplexity and token accuracy of a model on encoded examples.
#pragma once
#include <functional>
#include <vector>

#include "model/decoder.h"
#include "text/chat_encoding.h"

namespace hone::evaluate {

struct LossResult {
  double nll_sum = 0;               ///< natural logarithms, summed over trained targets
  int64_t tokens = 0;               ///< trained targets
  int64_t correct = 0;              ///< of those, predicted first
  std::vector<double> example_nll;  ///< one sum per example, in order
  std::vector<int64_t> example_tokens, example_correct;
  double loss() const;        ///< mean per token
  double perplexity() const;  ///< exp(loss)
  double accuracy() const;
};

/// `rows` examples at a time, laid side by side without padding. Only tokens marked as trained count.
/// `progress` (may be empty) is called with the number of examples done.
LossResult dataset_loss(model::Decoder& decoder, const std::vector<text::EncodedExample>& examples, int64_t rows,
                        const std::function<void(size_t)>& progress = {});

}  // namespace hone::evaluate
