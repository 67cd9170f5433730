#include "cli/plain/data_facts.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "data/content_key.h"
#include "data/utf8.h"
#include "metrics/cost/report.h"
#include "metrics/statistics.h"
#include "text/builtin_templates.h"
#include "text/chat_encoding.h"
#include "text/count_tokens.h"

namespace hone::cli {
namespace {

/// Tokens of an example: as training would see it, or by what is at hand.
class Counter {
 public:
  explicit Counter(const DataFactsOptions& options) {
    if (options.tokenizer.empty()) return;
    tokenizer_.emplace(text::Tokenizer::load(options.tokenizer));
    if (options.chat_template.empty() && !tokenizer_->chat_template()) return;
    encoder_.emplace(
        *tokenizer_, options.chat_template.empty() ? "" : text::builtin_chat_template(options.chat_template),
        text::stop_ids_for(options.tokenizer, *tokenizer_), text::ChatEncodingOptions{.max_length = uint32_t{1} << 30});
  }

  std::string name() const {
    return encoder_ ? "tokenizer and chat template" : tokenizer_ ? "tokenizer" : metrics::kEstimatedByCharacters;
  }
  bool estimates() const { return !tokenizer_; }

  /// Nothing for an example that the template refuses.
  std::optional<uint64_t> count(const data::Example& example) const {
    if (encoder_) {
      try {
        return text::count_tokens(example, *encoder_);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kInput) throw;
        return std::nullopt;
      }
    }
    if (tokenizer_) return text::count_tokens(example, *tokenizer_);
    uint64_t characters = 0;
    for (const std::string_view text : text::texts_of(example)) characters += data::count_characters(text);
    return (characters + 3) / 4;
  }

 private:
  std::optional<text::Tokenizer> tokenizer_;
  std::optional<text::ChatEncoder> encoder_;
};

}  // namespace

void add_data_facts_options(CLI::App& app, DataFactsOptions& options) {
  app.add_option("--data", options.file, "Your own training data, in any form that `hone data check` reads");
  app.add_option("--tokenizer", options.tokenizer, "Model or tokenizer folder, to count the data's tokens");
  app.add_option("--template", options.chat_template, "A built-in chat template in place of the model's own");
}

DataFacts collect_data_facts(const DataFactsOptions& options) {
  DataFacts facts;
  const Counter counter(options);
  facts.counted_by = counter.name();
  facts.estimated = counter.estimates();
  std::vector<double> lengths;
  std::unordered_map<uint64_t, uint64_t> answers;  // prompt -> its first answer
  data::FileCheckOptions check;
  check.on_row = [&](const data::Row& row) {
    for (const data::Finding& finding : row.findings.all())
      facts.duplicates += finding.check == data::Check::duplicate_row;
    if (!row.ok()) return;
    const data::Example& example = row.example;
    facts.pairs += example.rejected.has_value();
    facts.with_system += !example.messages.empty() && example.messages[0].role == "system";
    if (!example.messages.empty()) {
      const uint64_t answer = data::answer_key(example);
      const auto [first, fresh] = answers.try_emplace(data::prompt_key(example), answer);
      facts.contradictions += !fresh && first->second != answer;
    }
    std::map<std::string, uint64_t> personal;
    for (const std::string_view text : text::texts_of(example)) personal.merge(personal_data(text));
    for (const auto& found : personal) ++facts.personal[found.first];
    if (const auto tokens = counter.count(example)) {
      facts.tokens += *tokens;
      lengths.push_back(static_cast<double>(*tokens));
    } else {
      ++facts.refused;
    }
  };
  facts.report = data::check_file(options.file, check);
  if (!lengths.empty()) {
    facts.mean_tokens = metrics::mean(lengths);
    facts.p95_tokens = metrics::percentile(lengths, 0.95);
  }
  return facts;
}

}  // namespace hone::cli
