// The advice as JSON and for people.
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/plain/advise.h"

namespace hone::cli {
namespace {

Json texts(const std::vector<Text>& list, Language language) {
  Json json = Json::array();
  for (const Text& text : list) json.push_back(text.in(language));
  return json;
}

Json data_json(const DataFacts& data) {
  return {{"file", data.report.file},       {"rows", data.report.rows},      {"ok", data.report.ok},
          {"shapes", data.report.shapes},   {"duplicates", data.duplicates}, {"contradictions", data.contradictions},
          {"preference_pairs", data.pairs}, {"tokens", data.tokens},         {"mean_tokens", data.mean_tokens},
          {"p95_tokens", data.p95_tokens},  {"counted_by", data.counted_by}, {"personal", data.personal}};
}

Text title(Approach approach) {
  switch (approach) {
    case Approach::kPrompt: return {"prompt engineering", "프롬프트 엔지니어링"};
    case Approach::kRag: return {"retrieval (RAG)", "검색 증강 생성(RAG)"};
    case Approach::kFineTuning: return {"fine-tuning", "파인튜닝"};
  }
  return {};
}

std::string headline(const Advice& advice, Language language) {
  const bool korean = language == Language::kKorean;
  std::string text = (korean ? "권장: " : "advice: ") + title(advice.approach).in(language);
  for (const Approach later : advice.then) text += (korean ? ", 다음 " : ", then ") + title(later).in(language);
  if (advice.with_memory) text += korean ? ", 사용자 메모리를 곁에" : ", with a memory of users beside it";
  return text + "\n";
}

std::string method_text(const MethodAdvice& method, Language language) {
  const bool korean = language == Language::kKorean;
  std::string text =
      "\n" + std::string(korean ? "방법: " : "method: ") + method.method + ", objective " + method.objective;
  if (!method.in_hone) text += korean ? " (hone에는 아직 없음)" : " (not in hone yet)";
  if (method.method == "qlora")
    text += korean ? " (method: lora와 quantization.load_in_4bit: true)"
                   : " (method: lora with quantization.load_in_4bit: true)";
  text += "\n";
  for (const Text& reason : method.reasons) text += "  - " + reason.in(language) + "\n";
  return text;
}

}  // namespace

Json to_json(const Situation& situation, const Advice& advice, Language language) {
  Json json = {{"approach", approach_name(advice.approach)},
               {"then", Json::array()},
               {"with_memory", advice.with_memory},
               {"enough_data", situation.examples == 0 ? Json(nullptr) : Json(advice.enough_data)},
               {"path", Json::array()},
               {"reasons", texts(advice.reasons, language)},
               {"method", nullptr},
               {"data", situation.data ? data_json(*situation.data) : Json(nullptr)},
               {"commands", advice.commands}};
  for (const Approach later : advice.then) json["then"].push_back(approach_name(later));
  for (const PathStep& step : advice.path)
    json["path"].push_back({{"option", step.option},
                            {"question", step.question.in(language)},
                            {"answer", step.yes},
                            {"assumed", step.assumed}});
  if (advice.method) {
    json["method"] = {{"method", advice.method->method},
                      {"objective", advice.method->objective},
                      {"in_hone", advice.method->in_hone},
                      {"reasons", texts(advice.method->reasons, language)}};
  }
  return json;
}

std::string to_text(const Situation&, const Advice& advice, Language language) {
  const bool korean = language == Language::kKorean;
  std::string text = headline(advice, language) + "\n";
  for (const PathStep& step : advice.path) {
    const char* answer = step.yes ? (korean ? "예" : "yes") : (korean ? "아니오" : "no");
    text += "  " + step.question.in(language) + " " + answer;
    if (step.assumed)
      text += (korean ? " (답이 없어 그렇게 봄: --" : " (assumed; --") + step.option +
              (korean ? " yes로 바꿈)" : " yes otherwise)");
    text += "\n";
  }
  text += korean ? "\n이유\n" : "\nreasons\n";
  for (const Text& reason : advice.reasons) text += "  - " + reason.in(language) + "\n";
  if (advice.method) text += method_text(*advice.method, language);
  text += korean ? "\n다음에 칠 명령\n" : "\nto type next\n";
  for (const std::string& command : advice.commands) text += "  " + command + "\n";
  return text;
}

}  // namespace hone::cli
