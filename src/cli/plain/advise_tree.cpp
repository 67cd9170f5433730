#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/plain/advise.h"

namespace hone::cli {
namespace {

bool yes(const std::optional<bool>& answer) {
  return answer.value_or(false);
}

/// Walks the tree and notes the way.
class Tree {
 public:
  Tree(const Answers& answers, Advice& advice) : a_(answers), advice_(advice) {}

  void walk() {
    const bool fresh = ask("updates-often");
    const bool cited = ask("sources");
    const bool form = ask("style"), words = ask("terms"), thought = ask("reasoning"), speed = ask("latency");
    tell(form, {"a fixed style or form is learned well from examples", "일정한 말투와 형식은 예시에서 잘 배웁니다"});
    tell(words, {"the words of a trade are learned into the model", "전문 용어는 모델 안에 배워 넣을 수 있습니다"});
    tell(thought, {"complex reasoning gains from tuning, or from prompts and tuning together",
                   "복잡한 추론은 파인튜닝, 또는 프롬프트와의 조합에서 좋아집니다"});
    tell(speed, {"a tuned model needs no retrieval and no long prompt, so it answers sooner",
                 "튜닝한 모델은 검색도 긴 프롬프트도 필요 없어 더 빨리 답합니다"});
    tell(fresh, {"knowledge that changes often belongs in a store that is searched: tuned knowledge stands still",
                 "자주 바뀌는 지식은 검색하는 저장소에 두어야 합니다: 튜닝으로 배운 지식은 멈춰 있습니다"});
    tell(cited, {"sources can be named only where the text was looked up", "출처는 찾아본 글이 있어야 댈 수 있습니다"});
    const bool learns = form || words || thought || speed;
    if (fresh || cited) {
      advice_.approach = Approach::kRag;
      if (learns) advice_.then = {Approach::kFineTuning};
    } else if (learns) {
      advice_.approach = Approach::kFineTuning;
    } else {
      advice_.approach = Approach::kPrompt;
      if (yes(a_.prompt_tried)) advice_.then = {Approach::kRag, Approach::kFineTuning};
      advice_.reasons.push_back(
          {"nothing here needs more than a good prompt, which is free to change and at work at once",
           "좋은 프롬프트 이상이 필요한 것이 없습니다. 프롬프트는 바로 고치고 바로 씁니다"});
    }
    order(learns);
    advice_.with_memory = yes(a_.remember_users);
    tell(advice_.with_memory, {"what single users prefer belongs in a memory beside the model, not in its weights",
                               "사용자마다 다른 취향은 가중치가 아니라 모델 곁의 메모리에 둡니다"});
  }

 private:
  bool ask(const std::string& option) {
    for (const Question& question : questions()) {
      if (question.option != option) continue;
      const auto& answer = a_.*question.answer;
      advice_.path.push_back({option, question.text, yes(answer), !answer.has_value()});
      return yes(answer);
    }
    return false;
  }

  void tell(bool holds, Text reason) {
    if (holds) advice_.reasons.push_back(std::move(reason));
  }

  /// Prompts first, then retrieval, then tuning: each costs more than the one before.
  void order(bool learns) {
    if (learns && !yes(a_.prompt_tried)) {
      advice_.reasons.push_back(
          {"try prompts and chains of prompts first and keep what they reach as the baseline: tuning has to "
           "beat it",
           "먼저 프롬프트와 프롬프트 체이닝을 해 보고 그 성능을 기준선으로 남기세요: 튜닝은 그것을 이겨야 합니다"});
    }
    if (advice_.approach == Approach::kRag && yes(a_.rag_tried)) {
      advice_.then = {Approach::kFineTuning};
      advice_.reasons.push_back(
          {"retrieval was tried and is not enough: retrieval together with a tuned model is the strongest "
           "combination",
           "검색만으로 부족했습니다: RAG와 튜닝한 모델의 조합이 가장 강력합니다"});
    }
  }

  const Answers& a_;
  Advice& advice_;
};

std::string count(uint64_t n) {
  return with_commas(static_cast<long long>(n));
}

/// The lectures' limits: OpenAI's 10, 50 to 100 for tone, 500 and more for knowledge and reasoning.
void judge_data(const Situation& situation, Advice& advice) {
  const uint64_t n = situation.examples;
  if (n == 0) return;
  const bool hard = yes(situation.answers.reasoning) || yes(situation.answers.terms);
  const uint64_t wanted = hard ? 500 : 100;
  const std::string have = count(n), need = count(wanted);
  advice.enough_data = n >= wanted;
  if (n < 10) {
    advice.reasons.push_back({have + " examples are fewer than any service accepts (10)",
                              "예시 " + have + "개는 서비스가 받는 최소(10개)보다 적습니다"});
  } else if (!advice.enough_data) {
    advice.reasons.push_back({have + " examples; " + need + " or more are wanted" +
                                  (hard ? " for new knowledge or reasoning" : "") +
                                  ": collect or rephrase more, and use few-shot prompts meanwhile",
                              "예시가 " + have + "개입니다. " + (hard ? "새 지식이나 추론에는 " : "") + need +
                                  "개 이상이 바람직합니다: 더 모으거나 늘리고, 그동안은 few-shot 프롬프트를 쓰세요"});
  } else {
    advice.reasons.push_back({have + " examples are enough to begin with (" + need + " or more)",
                              "예시 " + have + "개면 시작하기에 충분합니다(" + need + "개 이상)"});
  }
  if (!situation.data) return;
  const DataFacts& data = *situation.data;
  const uint64_t bad = data.report.rows - data.report.ok;
  if (bad > 0)
    advice.reasons.push_back(
        {count(bad) + " of " + count(data.report.rows) + " rows have errors: mend them first",
         count(data.report.rows) + "행 가운데 " + count(bad) + "행에 오류가 있습니다: 먼저 고치세요"});
  if (data.duplicates + data.contradictions > 0)
    advice.reasons.push_back({count(data.duplicates) + " rows are duplicates and " + count(data.contradictions) +
                                  " answer an earlier prompt otherwise",
                              "중복이 " + count(data.duplicates) + "행, 같은 질문에 다른 답이 " +
                                  count(data.contradictions) + "행 있습니다"});
}

void add_commands(const Situation& situation, Advice& advice) {
  const std::string data = situation.data ? situation.data->report.file : "train.jsonl";
  if (!advice.method) {
    advice.commands = {"hone generate --model MODEL --prompts prompts.jsonl"};
    return;
  }
  advice.commands = {"hone data check " + data,
                     "hone data split " + data + " --validation 0.1 --test 0.1 --output runs/data",
                     "hone cost --data " + data, "hone advise checklist --data " + data + " --config CONFIG.yaml"};
}

}  // namespace

const std::vector<Question>& questions() {
  static const std::vector<Question> all = {
      {"updates-often", &Answers::updates_often, {"Does the knowledge change often?", "지식이 자주 바뀝니까?"}},
      {"sources", &Answers::sources, {"Must answers name their sources?", "답에 출처가 있어야 합니까?"}},
      {"style",
       &Answers::style,
       {"Is a certain style, tone or output format needed?", "특정한 말투나 출력 형식이 필요합니까?"}},
      {"terms", &Answers::terms, {"Must the words of a trade be understood?", "전문 용어를 이해해야 합니까?"}},
      {"reasoning", &Answers::reasoning, {"Is complex reasoning needed?", "복잡한 추론이 필요합니까?"}},
      {"latency", &Answers::latency, {"Does the speed of answers matter?", "응답 속도가 중요합니까?"}},
      {"remember-users",
       &Answers::remember_users,
       {"Should it remember what each user prefers?", "사용자마다의 취향을 기억해야 합니까?"}},
      {"prompt-tried",
       &Answers::prompt_tried,
       {"Were prompts tried, and fell short?", "프롬프트를 해 보았는데 부족했습니까?"}},
      {"rag-tried", &Answers::rag_tried, {"Was retrieval tried, and fell short?", "RAG를 해 보았는데 부족했습니까?"}},
      {"feedback",
       &Answers::feedback,
       {"Are there thumbs or better and worse answers of users?",
        "사용자의 좋아요·싫어요나 더 나은 답·못한 답이 있습니까?"}},
  };
  return all;
}

Advice advise(const Situation& situation) {
  Advice advice;
  Tree(situation.answers, advice).walk();
  judge_data(situation, advice);
  bool tunes = advice.approach == Approach::kFineTuning;
  for (const Approach later : advice.then) tunes = tunes || later == Approach::kFineTuning;
  if (tunes) advice.method = method_for(situation);
  add_commands(situation, advice);
  return advice;
}

const char* approach_name(Approach approach) {
  constexpr const char* kNames[] = {"prompt_engineering", "rag", "fine_tuning"};
  return kNames[static_cast<int>(approach)];
}

}  // namespace hone::cli
