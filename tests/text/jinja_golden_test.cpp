// Chat templates of published models and Jinja's syntax, byte for byte as Jinja2 3.1.6 renders them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace hone::text {
namespace {

const std::filesystem::path kData = std::filesystem::path(HONE_SOURCE_DIR) / "tests/data/chat-templates";

TEST(JinjaGolden, Syntax) {
  const Json cases = read_json(kData / "jinja-syntax.json");
  ASSERT_EQ(cases.size(), 67u);
  size_t refused = 0;
  for (const Json& one : cases) {
    const auto source = one["template"].get<std::string>();
    const TemplateSyntax syntax{one["trim_blocks"].get<bool>(), one["lstrip_blocks"].get<bool>()};
    const ChatTemplate chat(source, "syntax", syntax);
    // Three cases change a list or dict, which the immutable sandbox that transformers uses forbids.
    const bool changes = source.find(".append(") != std::string::npos || source.find(".pop(") != std::string::npos;
    if (changes) {
      EXPECT_THROW(chat.render(one["context"]), Error) << source;
      ++refused;
    } else {
      EXPECT_EQ(chat.render(one["context"]), one["expected"].get<std::string>()) << source;
    }
  }
  EXPECT_EQ(refused, 3u);
}

TEST(JinjaGolden, ModelTemplates) {
  const Json document = read_json(kData / "model-templates.json");
  ASSERT_EQ(document["cases"].size(), 8u);
  for (const Json& one : document["cases"]) {
    const ChatTemplate chat(one["template"].get<std::string>());
    const Json variables = {{"messages", document["messages"]},
                            {"add_generation_prompt", document["add_generation_prompt"]},
                            {"bos_token", one["bos_token"]},
                            {"eos_token", one["eos_token"]}};
    EXPECT_EQ(chat.render(variables), one["expected"].get<std::string>()) << one["name"];
  }
}

TEST(JinjaGolden, CollectedTemplates) {
  ::setenv("HONE_NOW", "2025-03-01T12:00:00", 1);
  const Json contexts = read_json(kData / "contexts.json");
  size_t texts = 0, errors = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kData / "expected-renderings")) {
    const Json expected = read_json(entry.path());
    const auto name = expected["template"].get<std::string>();
    const ChatTemplate chat(read_file(kData / "templates" / name), name);
    for (const auto& [context, rendering] : expected["renderings"].items()) {
      Json variables = contexts.at(context);
      variables["bos_token"] = "<s>";
      variables["eos_token"] = "</s>";
      if (rendering.contains("text")) {
        EXPECT_EQ(chat.render(variables), rendering["text"].get<std::string>()) << name << " " << context;
        ++texts;
      } else {
        EXPECT_THROW(chat.render(variables), Error) << name << " " << context;
        ++errors;
      }
    }
  }
  EXPECT_EQ(texts + errors, 90u);
}

}  // namespace
}  // namespace hone::text
