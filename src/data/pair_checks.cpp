#include "data/pair_checks.h"

#include <algorithm>

#include "base/strings.h"
#include "data/utf8.h"

namespace hone::data {
namespace {

constexpr const char* kDropPair = "a pair teaches by its difference: drop it, or mend one of the two";

void check_texts(const Conversion& conversion, const ContentLimits& limits, Findings& findings) {
  const Rejected& rejected = *conversion.example.rejected;
  const std::string& text = conversion.example.text;
  const auto check_part = [&](std::string part, const Place& place) {
    Conversion alone;
    alone.example.text = std::move(part);
    alone.places = {place};
    check_content(alone, limits, findings);
  };
  // Without a field of its own the prompt is part of both answers, and told there.
  if (std::string_view(conversion.places[0].field) == "prompt")
    check_part(text.substr(0, rejected.shared), conversion.places[0]);
  check_part(text.substr(rejected.shared), conversion.places[1]);
  check_part(rejected.text, conversion.rejected_places[0]);
  if (text.substr(rejected.shared) == rejected.text && !is_blank(rejected.text))
    findings.add(Check::equal_answers, "rejected", "is the same text as \"chosen\"", kDropPair);
}

/// Adds what `more` found and `findings` does not say yet; what has no place of its own gets `list`.
void add_new(const Findings& more, const char* list, Findings& findings) {
  for (const Finding& finding : more.all()) {
    const bool told = std::any_of(findings.all().begin(), findings.all().end(), [&](const Finding& other) {
      return other.check == finding.check && other.path == finding.path;
    });
    if (!told) findings.add(finding.check, finding.path.empty() ? list : finding.path, finding.message, finding.fix);
  }
}

void check_answers(const Conversion& conversion, Findings& findings) {
  const Example& example = conversion.example;
  const Rejected& rejected = *example.rejected;
  const auto begins_well = [&](const std::vector<Message>& turns, size_t first, const std::vector<Place>& places,
                               const char* list) {
    if (first >= turns.size()) {
      findings.add(Check::no_assistant, list, "no turn after the prompt, so there is no answer",
                   "end the conversation with the answer, or drop the row");
    } else if (turns[first].role != "assistant") {
      findings.add(
          Check::different_prompts, places[first].text(),
          "after what both have in common comes a turn of role \"" + turns[first].role +
              "\", so the two answer different prompts",
          "let the two part where the assistant answers; beside a \"prompt\" in messages give the answers alone");
    }
  };
  const auto same = [](const Message& a, const Message& b) {
    return a.role == b.role && a.content == b.content && a.extra_json == b.extra_json;
  };
  if (!rejected.messages.empty() &&
      std::equal(example.messages.begin() + static_cast<ptrdiff_t>(rejected.shared), example.messages.end(),
                 rejected.messages.begin(), rejected.messages.end(), same)) {
    return findings.add(Check::equal_answers, "rejected", "says the same as \"chosen\"", kDropPair);
  }
  begins_well(example.messages, rejected.shared, conversion.places, "chosen");
  begins_well(rejected.messages, 0, conversion.rejected_places, "rejected");
}

}  // namespace

void check_pair(const Conversion& conversion, const ContentLimits& limits, Findings& findings) {
  const Example& example = conversion.example;
  const bool texts = example.messages.empty() && !conversion.places.empty();  // not lists without a turn
  if (texts) return check_texts(conversion, limits, findings);
  const size_t shared = example.rejected->shared;
  if (shared < example.messages.size()) {
    Conversion chosen{.example = example, .places = conversion.places, .rejected_places = {}};
    chosen.example.rejected.reset();
    check_content(chosen, limits, findings);
  }
  if (!example.rejected->messages.empty()) {
    Conversion other{.example = rejected_branch(example), .places = {}, .rejected_places = {}};
    other.example.rejected.reset();
    other.places.assign(conversion.places.begin(), conversion.places.begin() + static_cast<ptrdiff_t>(shared));
    other.places.insert(other.places.end(), conversion.rejected_places.begin(), conversion.rejected_places.end());
    Findings alone;
    check_content(other, limits, alone);
    add_new(alone, "rejected", findings);
  }
  check_answers(conversion, findings);
}

}  // namespace hone::data
