#include "tune/objectives/token_loss.h"

#include "evaluate/loss.h"
#include "model/head_loss.h"

namespace hone::tune {
namespace {

class TokenLoss : public Objective {
 public:
  explicit TokenLoss(model::Decoder& decoder) : decoder_(decoder) {}

  int64_t units(const Examples& examples, std::span<const uint32_t> sequences) const override {
    int64_t count = 0;
    for (const uint32_t i : sequences) count += text::trained_targets(examples[i]);
    return count;
  }
  MicroLoss loss(const LossRequest& request) override {
    const MicroBatch micro = make_micro_batch(request.examples, {request.sequences.begin(), request.sequences.end()},
                                              decoder_.options().device);
    const auto loss = model::head_loss(decoder_, decoder_.hidden(micro.batch, request.context), micro.targets,
                                       request.context, {.weight = request.scale});
    return {loss.loss,
            {.loss = loss.nll_sum,
             .units = loss.tokens,
             .others = {{"mean_token_accuracy", static_cast<double>(loss.correct)}}}};
  }
  std::vector<std::pair<std::string, double>> evaluate(const Examples& examples, int64_t rows) override {
    const auto result = evaluate::dataset_loss(decoder_, examples, rows);
    return {{"loss", result.loss()}, {"perplexity", result.perplexity()}, {"accuracy", result.accuracy()}};
  }

 private:
  model::Decoder& decoder_;
};

}  // namespace

std::unique_ptr<Objective> make_token_loss(const ObjectiveContext& context) {
  return std::make_unique<TokenLoss>(context.decoder);
}

void refuse_pair(const data::Example& example, const std::string& objective) {
  if (!example.rejected) return;
  fail_input(format("%s:%lu", example.origin.file.c_str(), example.origin.line),
             "is a preference pair, and objective " + objective + " would not look at the rejected answer",
             "use objective: dpo, or leave \"rejected\" out of the rows");
}

}  // namespace hone::tune
