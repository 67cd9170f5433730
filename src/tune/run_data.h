// The data half of a run: files to encoded examples, split and proved.
#pragma once
#include <memory>
#include <string>

#include "recipe/train_config.h"
#include "text/chat_encoding.h"
#include "tune/dataset.h"
#include "tune/objectives/registry.h"

namespace hone::tune {

/// The tokenizer and encoder a run uses, and the template's text (saved beside the result).
struct RunText {
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<text::ChatEncoder> encoder;
  std::string chat_template;  ///< "" when the tokenizer's own is used as it is
  std::filesystem::path tokenizer_folder;
};
RunText load_text(const recipe::TrainConfig& config, const ObjectiveKind& objective);

struct RunData {
  Examples train, validation, test;
  Examples kept;         ///< of regularization.data: what is not to be forgotten
  int64_t rejected = 0;  ///< rows left out (bad records, too long), each written to rejected.jsonl
};
/// `rejected_path`: where rows that are left out are written, with their reasons; not made when there is none.
RunData load_data(const recipe::TrainConfig& config, const ObjectiveKind& objective, const RunText& text,
                  const std::filesystem::path& rejected_path, bool show_progress);

}  // namespace hone::tune
