#include "data/shapes/shape.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

constexpr std::initializer_list<const char*> kQuestions = {"question", "q", "Q", "Question", "질문"};
constexpr std::initializer_list<const char*> kAnswers = {"answer", "a", "A", "Answer", "답변", "답"};
constexpr std::initializer_list<const char*> kContexts = {"context", "doc", "문맥"};

int fits(const Value& row) {
  return (*first_present(row, kQuestions) != '\0' ? 1 : 0) + (*first_present(row, kAnswers) != '\0' ? 1 : 0);
}

void convert(const Value& row, Conversion& conversion, Findings& findings) {
  const char* question_name = first_present(row, kQuestions);
  const char* answer_name = first_present(row, kAnswers);
  std::string question = require_text(row, kQuestions, findings);
  const char* context_name = first_present(row, kContexts);
  if (*context_name != '\0') {
    // Checked on its own: hidden in front of the question an empty document would pass for one.
    const std::string context = require_text(row, {context_name}, findings);
    if (row.member(context_name).is_string() && is_blank(context)) {
      findings.add(Check::empty_content, context_name, std::string("\"") + context_name + "\" is empty",
                   "fill it, or leave the field out of the row");
    }
    if (!question.empty()) question = context + "\n\n" + question;
  }
  conversion.add("user", std::move(question), {nullptr, 0, *question_name != '\0' ? question_name : "question"});
  conversion.add("assistant", require_text(row, kAnswers, findings),
                 {nullptr, 0, *answer_name != '\0' ? answer_name : "answer"});
}

}  // namespace

Shape make_qa_shape() {
  return {fits, convert};
}

}  // namespace hone::data
