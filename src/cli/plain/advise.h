// Which way suits a task: prompts, retrieval, fine-tuning, memory; and if tuning, by which method. The rules follow the
// decision tree of the lectures that hone's examples follow; every answer comes with its reasons.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/language.h"
#include "cli/plain/data_facts.h"

namespace hone::cli {

/// What a person says of the task; nothing: not said, which counts as no and is told.
struct Answers {
  std::optional<bool> updates_often, sources, style, terms, reasoning, latency, remember_users, prompt_tried, rag_tried,
      feedback;
};

/// One question of Answers: its option without the dashes, and what is asked.
struct Question {
  const char* option;
  std::optional<bool> Answers::*answer;
  Text text;
};
const std::vector<Question>& questions();

/// What is known apart from the answers; 0 where it is not.
struct Situation {
  Answers answers;
  std::optional<DataFacts> data;
  uint64_t examples = 0;  ///< of the data where it is given
  double parameters = 0, memory_bytes = 0;
  bool memory_is_this_machine = false;
};

enum class Approach { kPrompt, kRag, kFineTuning };

struct PathStep {
  std::string option;
  Text question;
  bool yes = false, assumed = false;
};

struct MethodAdvice {
  std::string method, objective;  ///< names as in a training configuration
  bool in_hone = true;            ///< both can be chosen in this version
  std::vector<Text> reasons;
};

struct Advice {
  Approach approach = Approach::kPrompt;
  std::vector<Approach> then;  ///< what to add when the first is not enough
  bool with_memory = false;    ///< a store of each user's preferences beside it
  bool enough_data = true;     ///< for fine-tuning, as far as known
  std::vector<PathStep> path;
  std::vector<Text> reasons;
  std::optional<MethodAdvice> method;  ///< where fine-tuning is the approach or comes then
  std::vector<std::string> commands;   ///< of hone, to type next
};

Advice advise(const Situation& situation);
MethodAdvice method_for(const Situation& situation);

/// "prompt_engineering", "rag", "fine_tuning".
const char* approach_name(Approach approach);
Json to_json(const Situation& situation, const Advice& advice, Language language);
std::string to_text(const Situation& situation, const Advice& advice, Language language);

/// "16GB", "24 GiB", "8B", "135M", "7e9"; Error naming `place` otherwise. Bytes or plain units.
double parse_amount(const std::string& text, const std::string& place);

}  // namespace hone::cli
