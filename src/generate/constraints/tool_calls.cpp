#include "generate/constraints/tool_calls.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "generate/constraints/json.h"
#include "generate/constraints/schema_compiler.h"

namespace hone::generate {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

/// Any text until the mark stands in it; from there on what the grammar says.
class CallsBehindMark : public Constraint {
 public:
  CallsBehindMark(std::shared_ptr<const JsonGrammar> grammar, std::shared_ptr<const TokenTrie> trie, CallMark mark,
                  std::vector<int32_t> stop_ids)
      : grammar_(std::move(grammar)), trie_(std::move(trie)), mark_(std::move(mark)), stop_ids_(std::move(stop_ids)) {
    const auto tokens = static_cast<int32_t>(trie_->words() * 64);
    for (int32_t id = 0; id < tokens; ++id) {
      const std::string_view bytes = trie_->bytes(id);
      if (bytes.substr(0, std::max<size_t>(bytes.size(), 1) - 1).find(mark_.text.back()) != std::string_view::npos) {
        suspects_.push_back(id);
      }
    }
  }

  void mask(std::span<float> logits) override {
    if (calls_) return calls_->mask(logits);
    // The first byte of a call is the grammar's, so no token may reach beyond the mark.
    for (const int32_t id : suspects_) {
      const std::string text = said_ + std::string(trie_->bytes(id));
      const size_t at = text.find(mark_.text);
      const bool beyond = at != std::string::npos && at + mark_.text.size() < text.size();
      if (beyond && static_cast<size_t>(id) < logits.size()) logits[static_cast<size_t>(id)] = kNever;
    }
  }

  void accept(int32_t token) override {
    if (calls_) return calls_->accept(token);
    const std::string_view bytes = trie_->bytes(token);
    said_ = bytes.empty() ? "" : said_ + std::string(bytes);
    if (token == mark_.token || said_.find(mark_.text) != std::string::npos) {
      calls_ = make_constraint(grammar_, trie_, stop_ids_);
    }
    if (said_.size() >= mark_.text.size()) said_.erase(0, said_.size() - mark_.text.size() + 1);
  }

  bool may_end() const override { return !calls_ || calls_->may_end(); }
  bool finished() const override { return calls_ && calls_->finished(); }

 private:
  std::shared_ptr<const JsonGrammar> grammar_;
  std::shared_ptr<const TokenTrie> trie_;
  CallMark mark_;
  std::vector<int32_t> stop_ids_;
  std::vector<int32_t> suspects_;  // tokens that have the mark's last byte before their own last
  std::string said_;               // the end of the text, shorter than the mark
  std::unique_ptr<Constraint> calls_;
};

/// A call from the first byte that is not blank, if that is a brace; else any text.
class CallsFromTheStart : public Constraint {
 public:
  CallsFromTheStart(std::shared_ptr<const JsonGrammar> grammar, std::shared_ptr<const TokenTrie> trie,
                    std::vector<int32_t> stop_ids)
      : trie_(trie), calls_(make_constraint(std::move(grammar), std::move(trie), std::move(stop_ids))) {}

  void mask(std::span<float> logits) override {
    if (kind_ == Kind::kText) return;
    if (kind_ == Kind::kCalls) return calls_->mask(logits);
    std::vector<float> called(logits.begin(), logits.end());
    calls_->mask(called);
    for (size_t id = 0; id < logits.size(); ++id) {
      if (opens(trie_->bytes(static_cast<int32_t>(id)))) logits[id] = called[id];
    }
  }

  void accept(int32_t token) override {
    const std::string_view bytes = trie_->bytes(token);
    if (kind_ == Kind::kOpen && (bytes.empty() || !trim(bytes).empty())) {
      kind_ = opens(bytes) ? Kind::kCalls : Kind::kText;
    }
    if (kind_ == Kind::kCalls) calls_->accept(token);
  }

  bool may_end() const override { return kind_ != Kind::kCalls || calls_->may_end(); }
  bool finished() const override { return kind_ == Kind::kCalls && calls_->finished(); }

 private:
  enum class Kind { kOpen, kCalls, kText };

  static bool opens(std::string_view bytes) { return starts_with(trim(bytes), "{"); }

  std::shared_ptr<const TokenTrie> trie_;
  std::unique_ptr<Constraint> calls_;
  Kind kind_ = Kind::kOpen;
};

}  // namespace

std::shared_ptr<const JsonGrammar> compile_tool_calls(const std::vector<CallableTool>& tools, const CallFrame& frame) {
  auto grammar = std::make_shared<JsonGrammar>();
  Budget budget{.place = "tools"};  // of all of them together
  GrammarBuilder build(*grammar, budget);
  std::vector<int32_t> each;
  for (const CallableTool& tool : tools) {
    const Json parameters = Json::parse(tool.parameters);
    SchemaCompiler compiler(parameters, "function '" + excerpt(tool.name, 64) + "'", *grammar, budget.left);
    compiler.check_size();
    if (tool.strict) check_strict(parameters, tool.name, "function");
    const int32_t arguments = compiler.begin(build.literal(frame.after, build.done()));
    if (arguments < 0) budget.refuse("no arguments satisfy the parameters of '" + excerpt(tool.name, 64) + "'");
    budget.left = compiler.left();
    each.push_back(build.literal(frame.before + tool.name + frame.middle, arguments));
  }
  const int32_t one = build.split(std::move(each));
  const int32_t end = frame.last.empty() ? build.done() : build.literal(frame.last, build.done());
  int32_t after = end;
  for (size_t i = 1; i < frame.most; ++i) {
    after = build.split({end, build.literal(frame.separator, build.call(one, after))});
  }
  int32_t root = build.call(one, after);
  if (!frame.first.empty()) root = build.leaf(literal_leaf(frame.first, budget), root);
  build.finish(root);
  return grammar;
}

std::unique_ptr<Constraint> make_calls_once_opened(std::shared_ptr<const JsonGrammar> grammar,
                                                   std::shared_ptr<const TokenTrie> trie, CallMark mark,
                                                   std::vector<int32_t> stop_ids) {
  if (mark.text.empty()) {
    return std::make_unique<CallsFromTheStart>(std::move(grammar), std::move(trie), std::move(stop_ids));
  }
  return std::make_unique<CallsBehindMark>(std::move(grammar), std::move(trie), std::move(mark), std::move(stop_ids));
}

}  // namespace hone::generate
