#include "evaluate/answers.h"

#include <memory>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"

namespace hone::evaluate {
namespace {

bool has_answer(const data::Example& example) {
  return example.messages.size() > 1 && example.messages.back().role == "assistant";
}

/// Names everything that the answer depends on: the same key, the same answer.
std::string answer_key(const EvaluationOptions& options, const generate::Request& request, int64_t positions) {
  const auto& s = options.sampling;
  std::string text = options.model_identity;
  text += format("|%.17g %ld %.17g %.17g %.17g %.17g %.17g|%lu %lu|%ld %ld|", s.temperature, s.top_k, s.top_p, s.min_p,
                 s.repetition_penalty, s.frequency_penalty, s.presence_penalty, request.seed, request.stream,
                 request.stop.max_new_tokens, positions);
  for (const std::string& stop : request.stop.strings) text += format("%zu:", stop.size()) + stop;
  for (const int32_t id : request.stop.ids) text += format("|%d", id);
  text += "|";
  for (const int32_t id : request.prompt) text += format(" %d", id);
  return fingerprint(text);
}

/// Hands out requests for the answers that are still missing and puts answers where they belong.
class Questions {
 public:
  Questions(const generate::ModelText& text, const std::vector<data::Example>& examples, int64_t positions,
            const EvaluationOptions& options)
      : encoder_(text.encoder({})), text_(text), examples_(examples), positions_(positions), options_(options) {
    if (!options.samples.empty()) file_ = std::make_unique<SamplesFile>(options.samples);
    for (const auto& example : examples) total_ += has_answer(example);
    if (total_ == 0) {
      fail_input(examples.front().origin.file,
                 "no example ends with an assistant turn, so there is nothing to compare answers with",
                 "ask for loss, perplexity and accuracy only: --metrics loss,perplexity,accuracy");
    }
  }

  /// The next request that needs the model, nothing when all are handed out.
  std::optional<generate::Request> next() {
    while (example_ < examples_.size()) {
      const size_t index = example_++;
      if (!has_answer(examples_[index])) continue;
      generate::Request request = request_for(index);
      Answer answer = blank_answer(index);
      const std::string key = answer_key(options_, request, positions_);
      if (const Answer* known = file_ ? file_->find(key) : nullptr; known != nullptr) {
        answer.text = known->text, answer.finish_reason = known->finish_reason, answer.tokens = known->tokens;
        ++reused_;
        answers_.push_back(std::move(answer));
      } else if (static_cast<int64_t>(request.prompt.size()) >= positions_) {
        answer.finish_reason = "too_long";
        answers_.push_back(std::move(answer));
      } else {
        open_.push_back({answers_.size(), key});
        answers_.push_back(std::move(answer));
        return request;
      }
    }
    return std::nullopt;
  }

  /// `number` counts the requests that next() gave.
  void done(size_t number, generate::Completion&& completion) {
    Answer& answer = answers_[open_[number].position];
    answer.text = std::move(completion.text);
    answer.finish_reason = generate::finish_reason_name(completion.finish);
    answer.tokens = static_cast<int64_t>(completion.ids.size());
    if (file_) file_->append(open_[number].key, answer);
    ++answered_;
    if (options_.progress) options_.progress("answers", reused_ + answered_, total_);
  }

  size_t reused() const { return reused_; }
  std::vector<Answer> take() { return std::move(answers_); }

 private:
  struct Open {
    size_t position;  // in answers_
    std::string key;
  };

  generate::Request request_for(size_t index) const {
    generate::Request request;
    request.prompt = generate::prompt_ids(text_, encoder_, examples_[index]);
    request.sampling = options_.sampling;
    request.stop = {text_.stop_ids(), options_.stop, options_.max_new_tokens};
    request.seed = options_.seed;
    request.stream = index;
    return request;
  }

  Answer blank_answer(size_t index) const {
    const auto& messages = examples_[index].messages;
    return {index, messages[messages.size() - 2].content, messages.back().content, "", "", 0};
  }

  text::ChatEncoder encoder_;
  const generate::ModelText& text_;
  const std::vector<data::Example>& examples_;
  int64_t positions_;
  const EvaluationOptions& options_;
  std::unique_ptr<SamplesFile> file_;
  std::vector<Answer> answers_;
  std::vector<Open> open_;
  size_t example_ = 0, total_ = 0, reused_ = 0, answered_ = 0;
};

}  // namespace

std::vector<Answer> answer_all(model::Decoder& decoder, const generate::ModelText& text,
                               const std::vector<data::Example>& examples, int64_t positions,
                               const EvaluationOptions& options, size_t& reused) {
  Questions questions(text, examples, positions, options);
  const auto batch = static_cast<size_t>(options.batch);
  generate::Engine engine(decoder, text.tokenizer(), {.max_running = batch, .context_limit = positions});
  generate::generate_stream(
      engine, [&] { return questions.next(); },
      [&](size_t number, generate::Completion&& completion) { questions.done(number, std::move(completion)); },
      batch * 4);
  reused = questions.reused();
  return questions.take();
}

}  // namespace hone::evaluate
