// What a file of training data is, in figures: for the commands that reckon costs and give advice.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "data/file_check.h"

namespace CLI {
class App;
}

namespace hone::cli {

struct DataFacts {
  data::FileReport report;
  uint64_t pairs = 0;           ///< rows with a chosen and a rejected answer
  uint64_t duplicates = 0;      ///< rows equal to an earlier one
  uint64_t contradictions = 0;  ///< rows with the prompt of an earlier one and another answer
  uint64_t with_system = 0;     ///< rows that begin with a system turn
  uint64_t refused = 0;         ///< rows that the tokenizer's template refuses; they count no tokens
  uint64_t tokens = 0;          ///< of one epoch, both answers of a pair
  double mean_tokens = 0, p95_tokens = 0;
  std::string counted_by;                    ///< "tokenizer and chat template", "tokenizer", "characters / 4"
  bool estimated = false;                    ///< no tokenizer: a rule of thumb, too low for most Korean
  std::map<std::string, uint64_t> personal;  ///< rows with an e-mail address, a telephone number … by kind
};

struct DataFactsOptions {
  std::string file, tokenizer, chat_template;
};

/// --data, --tokenizer, --template.
void add_data_facts_options(CLI::App& app, DataFactsOptions& options);
/// Reads the file once. `file` may not be empty.
DataFacts collect_data_facts(const DataFactsOptions& options);

/// Kinds of personal data that have a form of their own, found in one text: "email", "phone", "resident_number"
/// (Korean, with its birth date), "card" (Luhn's sum). Names and addresses have no form and are not found.
std::map<std::string, uint64_t> personal_data(std::string_view text);

}  // namespace hone::cli
