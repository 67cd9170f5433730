// Random answers by JSON schemas, for tests/parity/test_constraints.py, which validates them with jsonschema.
//
//   hone_json_walk TOKENIZER SCHEMAS COUNT      a line {"schema": n, "text": …} or {"schema": n, "error": …} each
//   hone_json_walk --accepts SCHEMAS            lines {"schema": …, "texts": […]}: a list of booleans each
//   hone_json_walk --bench TOKENIZER SCHEMAS    microseconds a mask, by schema
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "generate/constraints/matcher.h"
#include "json_walk.h"
#include "text/tokenizer.h"

namespace {

using namespace hone;
using namespace hone::generate;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
}

std::vector<Json> lines(const char* path) {
  std::ifstream file(path);
  std::vector<Json> out;
  for (std::string line; std::getline(file, line);) out.push_back(Json::parse(line));
  return out;
}

std::shared_ptr<const JsonGrammar> grammar_of(const Json& schema) {
  return schema == "json_object" ? compile_json_object() : compile_json_schema(schema, false, "walk");
}

void print(const Json& line) {
  std::puts(to_line(line).c_str());
}

void walk(const text::Tokenizer& tokenizer, const std::vector<Json>& schemas, int count) {
  const auto trie = std::make_shared<TokenTrie>(tokenizer);
  const int32_t stop = tokenizer.id_limit();
  for (size_t i = 0; i < schemas.size(); ++i) {
    std::mt19937_64 random(i);
    try {
      const auto grammar = grammar_of(schemas[i]);
      for (int n = 0; n < count; ++n) {
        const auto constraint = make_constraint(grammar, trie, {stop});
        const Walk walk = random_walk(*constraint, *trie, stop, static_cast<size_t>(stop) + 1, random);
        print({{"schema", i}, {"text", walk.text}, {"ended", walk.ended}});
      }
    } catch (const Error& error) {
      print({{"schema", i}, {"error", error.what()}});
    }
  }
}

void accepts(const std::vector<Json>& cases) {
  for (const Json& one : cases) {
    try {
      Matcher matcher(grammar_of(one["schema"]));
      Json out = Json::array();
      for (const Json& text : one["texts"]) out.push_back(matcher.matches(text.get<std::string>()));
      print(out);
    } catch (const Error& error) {
      print(error.what());
    }
  }
}

/// Walks with the time of every mask taken; the first visit of a state and later ones are not told apart.
void bench(const text::Tokenizer& tokenizer, const std::vector<Json>& schemas) {
  auto begin = Clock::now();
  const auto trie = std::make_shared<TokenTrie>(tokenizer);
  std::printf("vocabulary %d, trie %.0f ms\n", tokenizer.id_limit(), microseconds(begin) / 1000);
  const int32_t stop = tokenizer.id_limit();
  std::vector<float> logits(static_cast<size_t>(stop) + 1);
  for (const Json& schema : schemas) {
    std::mt19937_64 random(1);
    begin = Clock::now();
    const auto grammar = grammar_of(schema);
    const double compiling = microseconds(begin);
    std::vector<double> first, later;
    double accepting = 0;
    for (int n = 0; n < 20; ++n) {
      const auto constraint = make_constraint(grammar, trie, {stop});
      while (!constraint->finished()) {
        std::fill(logits.begin(), logits.end(), 0.0F);
        begin = Clock::now();
        constraint->mask(logits);
        (n == 0 ? first : later).push_back(microseconds(begin));
        std::vector<int32_t> allowed;
        for (size_t i = 0; i < logits.size(); ++i) {
          if (!std::isinf(logits[i]) && (random() % 2 == 0 || trie->bytes(static_cast<int32_t>(i)).size() < 2)) {
            allowed.push_back(static_cast<int32_t>(i));
          }
        }
        if (allowed.empty()) continue;
        int32_t token = allowed[random() % allowed.size()];
        for (const int32_t id : allowed) {
          if (random() % 4 == 0 && (trie->bytes(id) == "\"" || trie->bytes(id) == "}" || trie->bytes(id) == "]"))
            token = id;
        }
        begin = Clock::now();
        constraint->accept(token);
        accepting += microseconds(begin);
        if (later.size() + first.size() > 4000) break;
      }
    }
    std::sort(first.begin(), first.end());
    std::sort(later.begin(), later.end());
    const auto at = [](const std::vector<double>& v, double q) {
      return v.empty() ? 0 : v[static_cast<size_t>(q * static_cast<double>(v.size() - 1))];
    };
    double sum = 0;
    for (const double t : later) sum += t;
    std::printf(
        "compile %6.0f us; first answer: median %5.0f max %6.0f us; later: mean %4.0f median %4.0f p99 %5.0f max %6.0f "
        "us, accept %3.1f us, %zu masks  %s\n",
        compiling, at(first, 0.5), at(first, 1), sum / static_cast<double>(std::max<size_t>(1, later.size())),
        at(later, 0.5), at(later, 0.99), at(later, 1), accepting / static_cast<double>(first.size() + later.size()),
        later.size(), to_line(schema).substr(0, 60).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  try {
    if (argc == 3 && arguments[0] == "--accepts") {
      accepts(lines(argv[2]));
    } else if (argc == 4 && arguments[0] == "--bench") {
      bench(text::Tokenizer::load(argv[2]), lines(argv[3]));
    } else if (argc == 4) {
      walk(text::Tokenizer::load(argv[1]), lines(argv[2]), std::stoi(argv[3]));
    } else {
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
