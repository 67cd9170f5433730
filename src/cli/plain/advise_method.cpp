// Which method of fine-tuning fits the data and the machine.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/config/values.h"
#include "base/error.h"
#include "base/strings.h"
#include "cli/plain/advise.h"

namespace hone::cli {
namespace {

constexpr const char* kMethods[] = {
#define METHOD(name) #name,
#include "tune/methods/methods.def"
#undef METHOD
};
constexpr const char* kObjectives[] = {
#define OBJECTIVE(name) #name,
#include "tune/objectives/objectives.def"
#undef OBJECTIVE
};

bool in_hone(const std::string& method, const std::string& objective) {
  const auto has = [](const auto& list, const std::string& name) {
    return std::find(std::begin(list), std::end(list), name) != std::end(list);
  };
  // QLoRA is `method: lora` on a base in four bits.
  return has(kMethods, method == "qlora" ? "lora" : method) && has(kObjectives, objective);
}

// Bytes a parameter of the lectures' figures: a 7B model whole in 60 GB, with LoRA in 16 GB; 65B with QLoRA in 48 GB.
constexpr double kFull = 60.0 / 7, kLora = 16.0 / 7, kQlora = 48.0 / 65;
constexpr uint64_t kManyExamples = 10000;  ///< "tens of thousands", from where training all weights may pay

std::string gigabytes(double bytes) {
  return format("%.3g GB", bytes / 1e9);
}

Text fits(const char* method, double bytes, const Situation& situation) {
  const std::string need = gigabytes(bytes * situation.parameters), have = gigabytes(situation.memory_bytes);
  const std::string whose = situation.memory_is_this_machine ? " of this machine" : "";
  const std::string whose_korean = situation.memory_is_this_machine ? "이 장비의 " : "";
  return {std::string(method) + " takes about " + need + ", and " + have + whose +
              " are there (hone estimate says it exactly)",
          std::string(method) + "에는 약 " + need + "가 들고 " + whose_korean + "메모리는 " + have +
              "입니다(정확한 값은 hone estimate)"};
}

void choose_by_memory(const Situation& situation, MethodAdvice& advice) {
  const double room = situation.memory_bytes, size = situation.parameters;
  const bool many = situation.examples >= kManyExamples;
  if (size == 0 || room == 0) {
    advice.method = "lora";
    advice.reasons.push_back(
        {"LoRA suits most cases; give --parameters and --memory to weigh full tuning and QLoRA",
         "대부분은 LoRA로 충분합니다. --parameters와 --memory를 주면 전체 튜닝과 QLoRA도 따져 봅니다"});
  } else if (many && room >= kFull * size) {
    advice.method = "full";
    advice.reasons.push_back(fits("full", kFull, situation));
    advice.reasons.push_back(
        {"with tens of thousands of examples training every weight may pay; try LoRA first all the same",
         "예시가 수만 개면 모든 가중치를 학습할 만합니다. 그래도 LoRA를 먼저 해 보세요"});
  } else if (room >= kLora * size) {
    advice.method = "lora";
    advice.reasons.push_back(fits("LoRA", kLora, situation));
    if (many)
      advice.reasons.push_back(
          {"so many examples could feed more weights: `method: partial` trains the upper layers where LoRA "
           "is not enough",
           "예시가 이만큼 많으면 더 많은 가중치도 배울 수 있습니다: LoRA로 부족하면 `method: partial`로 위쪽 층을 "
           "학습하세요"});
  } else if (room >= kQlora * size) {
    advice.method = "qlora";
    advice.reasons.push_back(fits("QLoRA", kQlora, situation));
    advice.reasons.push_back(
        {"the base in four bits costs 1-3% of quality", "기반 모델을 4비트로 두면 성능이 1~3% 낮아집니다"});
  } else {
    advice.method = "prompt";
    advice.reasons.push_back(fits("even QLoRA", kQlora, situation));
    advice.reasons.push_back(
        {"take a smaller model; prompt or prefix tuning trains least, but has to hold the model all the same",
         "더 작은 모델을 고르세요. 프롬프트·프리픽스 튜닝은 학습량이 가장 적지만 모델은 올릴 수 있어야 합니다"});
  }
}

void choose_objective(const Situation& situation, MethodAdvice& advice) {
  const bool pairs = situation.data && situation.data->pairs > 0;
  advice.objective = "sft";
  if (pairs) {
    advice.objective = "dpo";
    const std::string n = with_commas(static_cast<long long>(situation.data->pairs));
    advice.reasons.push_back({n + " rows are preference pairs: DPO, best on a model that SFT has taught the task",
                              n + "행이 선호 쌍입니다: DPO를 쓰되 SFT로 과제를 먼저 배운 모델에 하는 것이 좋습니다"});
  } else if (situation.answers.feedback.value_or(false)) {
    advice.reasons.push_back(
        {"first SFT on good answers; then the feedback: DPO where better and worse answers belong together, KTO "
         "where there are only thumbs",
         "먼저 좋은 답으로 SFT를 하고 그다음 피드백을 쓰세요: 더 나은 답과 못한 답이 짝이면 DPO, 좋아요·싫어요뿐이면 "
         "KTO"});
  } else if (situation.data && situation.data->report.shapes.size() == 1 &&
             situation.data->report.shapes.count("text") == 1) {
    advice.objective = "causal_lm";
    advice.reasons.push_back(
        {"the rows are plain text: causal_lm goes on with pre-training; instructions need question and "
         "answer",
         "행이 일반 텍스트입니다: causal_lm은 사전학습을 이어 갑니다. 지시를 따르게 하려면 질문과 답이 필요합니다"});
  }
}

}  // namespace

MethodAdvice method_for(const Situation& situation) {
  MethodAdvice advice;
  choose_by_memory(situation, advice);
  choose_objective(situation, advice);
  advice.in_hone = in_hone(advice.method, advice.objective);
  return advice;
}

double parse_amount(const std::string& text, const std::string& place) {
  size_t end = text.find_first_not_of("0123456789.eE+-");
  // "7e9" has an exponent, "7E" a unit that is none of ours; a unit begins at the first letter otherwise.
  std::string number = text.substr(0, end), unit = end == std::string::npos ? "" : std::string(trim(text.substr(end)));
  const auto value = parse_number(std::string(trim(number)));
  constexpr std::pair<const char*, double> kUnits[] = {{"", 1},     {"K", 1e3},      {"M", 1e6},      {"B", 1e9},
                                                       {"T", 1e12}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
                                                       {"G", 1e9},  {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  for (const auto& [name, factor] : kUnits) {
    if (value && *value > 0 && std::isfinite(*value * factor) && unit == name) return *value * factor;
  }
  fail_input(place, "\"" + excerpt(text, 40) + "\" is no amount", "write it like 8B or 135M parameters, 16GB or 24GiB");
}

}  // namespace hone::cli
