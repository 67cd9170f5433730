// What golden files do not show: where faults are, limits, generation ranges, scoping.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "error_of.h"
#include "text/builtin_templates.h"
#include "text/chat_template.h"

namespace hone::text {
namespace {

std::string render(const std::string& source, const Json& variables = Json::object()) {
  return ChatTemplate(source).render(variables);
}

Error fault(const std::string& source, const Json& variables = Json::object()) {
  return error_of([&] { render(source, variables); });
}

TEST(Jinja, FaultsNameLineAndColumn) {
  EXPECT_EQ(fault("a\n한글 {{ messages[0].role }}", {{"messages", Json::array()}}).place(), "chat_template:2:19");
  EXPECT_EQ(fault("a\r\nb\n  {% nosuch %}").place(), "chat_template:3:6");
  EXPECT_EQ(fault("{{ 'x' }\n").place(), "chat_template:1:8");
  EXPECT_TRUE(contains(fault("{{ x.y.z }}", {{"x", Json::object()}}).message(), "'y'"));
  EXPECT_TRUE(contains(fault("{{ nope() }}").message(), "'nope' is undefined"));
  EXPECT_EQ(fault("\n{{ raise_exception('역할이 번갈아 나와야 합니다') }}").message(), "역할이 번갈아 나와야 합니다");
  EXPECT_TRUE(contains(fault("{{ 1 | uper }}").message(), "did you mean \"upper\""));
  EXPECT_TRUE(contains(fault("{% for x in y %}").message(), "{% endfor %}"));
  EXPECT_TRUE(contains(fault("{% include 'other' %}").message(), "not supported"));
}

TEST(Jinja, NamesMeanWhatTheyDoInTheReference) {
  const Json variables = {{"x", "outer"}, {"l", {1, 2}}};
  EXPECT_EQ(render("{% for i in l %}{% set x = i %}{% endfor %}{{ x }}", variables), "outer");
  EXPECT_EQ(render("{% if true %}{% set x = 1 %}{% endif %}{{ x }}", variables), "1");
  // x belongs to the template because it is assigned below, so the loop sees it without a value.
  EXPECT_EQ(render("{% for i in l %}[{{ x }}]{% endfor %}{% set x = 1 %}", variables), "[][]");
  EXPECT_EQ(render("{% macro m() %}{{ y }}{% endmacro %}{% set y = 3 %}{{ m() }}", variables), "3");
  EXPECT_EQ(
      render("{% set ns = namespace(n=0) %}{% for i in l %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", variables),
      "3");
  EXPECT_EQ(render("{% for i in l %}{% break %}{% else %}none{% endfor %}", variables), "none");
}

TEST(Jinja, FilterOfALoopIsTestedItemByItem) {
  EXPECT_EQ(render("{% set ns = namespace(stop=false) %}{% for i in [1, 2, 3] if not ns.stop %}{{ i }}"
                   "{% if i == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}"),
            "12");
}

TEST(Jinja, GenerationRangesAreBytes) {
  std::vector<std::pair<size_t, size_t>> ranges;
  const ChatTemplate chat("{% for m in messages %}<{{ m }}>{% generation %}답 {{ m }}{% endgeneration %}{% endfor %}");
  const std::string text = chat.render({{"messages", {"가", "b"}}}, ranges);
  EXPECT_EQ(text, "<가>답 가<b>답 b");
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(text.substr(ranges[0].first, ranges[0].second - ranges[0].first), "답 가");
  EXPECT_EQ(text.substr(ranges[1].first, ranges[1].second - ranges[1].first), "답 b");
  const ChatTemplate hidden("{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x }}");
  EXPECT_EQ(hidden.render(Json::object()), "a");
  EXPECT_THROW(hidden.render(Json::object(), ranges), Error);
}

TEST(Jinja, LimitsEndEveryTemplate) {
  const char* const endless[] = {
      "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
      "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
      "{% set n = namespace(l=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% endfor %}",
      "{% set n = namespace(g=[1]) %}{% for i in range(9999) %}{% set n.g = n.g|map('abs') %}{% endfor %}{{ n.g|list "
      "}}",
      "{{ 'x' * 1000000000 }}",
      "{{ [0] * 1000000000 }}",
      "{{ '%999999999s' % 1 }}",
      "{{ '{:999999999}'.format(1) }}",
      "{{ 'x'.center(1000000000) }}",
      "{{ 'x'|indent(1000000000) }}",
      "{{ [1]|batch(1000000000, 0)|list }}",
      "{{ [1]|slice(1000000000)|list }}",
      "{{ 10 ** 100 }}",
      "{{ range(100001) }}",
  };
  for (const char* source : endless) EXPECT_THROW(render(source), Error) << source;
  EXPECT_THROW(ChatTemplate("{{ " + std::string(5000, '(') + std::string(5000, ')') + " }}"), Error);
  EXPECT_THROW(ChatTemplate("{{ " + std::string(100000, '-') + "1 }}"), Error);
  std::string sum = "{{ 1", tags;
  for (int i = 0; i < 100000; ++i) sum += " + 1";
  for (int i = 0; i < 100000; ++i) tags += "{% if 1 %}";
  EXPECT_THROW(ChatTemplate(sum + " }}"), Error);
  EXPECT_THROW(ChatTemplate(tags + "x"), Error);
}

TEST(Jinja, ALongChatStaysFarBelowTheLimits) {
  Json messages = Json::array();
  for (int i = 0; i < 10000; ++i) {
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(1000, 'x') + "한글"}});
  }
  const ChatTemplate chat(builtin_chat_template("chatml"));
  EXPECT_GT(chat.render({{"messages", messages}}).size(), 10'000'000u);
}

TEST(Jinja, OneTemplateServesManyThreads) {
  const ChatTemplate chat(
      "{% set ns = namespace(t='') %}{% for i in range(200) %}{% set ns.t = ns.t ~ i %}{% endfor %}{{ ns.t ~ who }}");
  const std::string expected = chat.render({{"who", "a"}});
  std::vector<std::thread> threads;
  std::vector<int> equal(4, 0);
  for (size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) equal[t] += chat.render({{"who", "a"}}) == expected ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, std::vector<int>(4, 50));
}

TEST(Jinja, ObjectsThatHoldThemselves) {
  EXPECT_THROW(render("{% set n = namespace() %}{% set n.me = n %}{{ n }}"), Error);
  EXPECT_EQ(render("{% set n = namespace() %}{% set n.me = [n] %}{% for i in [1] %}{% set n.l = loop %}"
                   "{{ loop.changed(loop) }}{% endfor %}{{ n.me[0].l.index }}"),
            "True1");
}

TEST(Jinja, FixedClock) {
  ::setenv("HONE_NOW", "2025-03-01T12:00:00", 1);
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y %H:%M:%S.%f %%') }}"), "01 Mar 2025 12:00:00.000000 %");
  ::setenv("HONE_NOW", "yesterday", 1);
  EXPECT_TRUE(contains(fault("{{ strftime_now('%d') }}").message(), "HONE_NOW"));
  ::unsetenv("HONE_NOW");
  EXPECT_EQ(render("{{ strftime_now('%Y') }}").size(), 4u);
}

TEST(BuiltinTemplates, RenderAndMarkTheAnswers) {
  const Json variables = {{"messages",
                           {{{"role", "system"}, {"content", "친절하게"}},
                            {{"role", "user"}, {"content", "안녕"}},
                            {{"role", "assistant"}, {"content", "반가워요"}}}},
                          {"add_generation_prompt", true},
                          {"bos_token", "<s>"},
                          {"eos_token", "</s>"}};
  ASSERT_GE(builtin_chat_templates().entries().size(), 5u);
  for (const auto& entry : builtin_chat_templates().entries()) {
    std::vector<std::pair<size_t, size_t>> ranges;
    const std::string text = ChatTemplate(entry.make, entry.name).render(variables, ranges);
    ASSERT_EQ(ranges.size(), 1u) << entry.name;
    const std::string answer = text.substr(ranges[0].first, ranges[0].second - ranges[0].first);
    EXPECT_TRUE(answer.starts_with("반가워요") && answer.size() > std::string("반가워요").size())
        << entry.name << answer;
  }
  EXPECT_EQ(render(builtin_chat_template("chatml"), variables),
            "<|im_start|>system\n친절하게<|im_end|>\n<|im_start|>user\n안녕<|im_end|>\n<|im_start|>assistant\n"
            "반가워요<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_TRUE(contains(error_of([] { builtin_chat_template("chatlm"); }).message(), "did you mean \"chatml\""));
}

}  // namespace
}  // namespace hone::text
