#include "text/jinja/parser.h"

#include <algorithm>
#include <initializer_list>

#include "base/strings.h"
#include "text/jinja/scope.h"

namespace hone::text::jinja {
namespace {

constexpr int kMaxTreeDepth = 400;  ///< of one expression, chains such as a + b + c + … included
constexpr int kMaxNesting = 120;    ///< brackets in brackets, tags in tags
using K = ExpressionKind;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Block parse_template() {
    Block body = parse_body({});
    return body;
  }

 private:
  // ---- tokens ----------------------------------------------------------------------------------

  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool at_kind(TokenKind kind) const { return current().kind == kind; }
  bool at_operator(std::string_view op) const { return at_kind(TokenKind::kOperator) && current().text == op; }
  bool at_name(std::string_view name) const { return at_kind(TokenKind::kName) && current().text == name; }
  bool at_any_name(std::initializer_list<const char*> names) const {
    return std::any_of(names.begin(), names.end(), [this](const char* name) { return at_name(name); });
  }
  bool skip_operator(std::string_view op) { return at_operator(op) && (take(), true); }
  bool skip_name(std::string_view name) { return at_name(name) && (take(), true); }

  [[noreturn]] void fail(std::string message) const { fail(std::move(message), current().at); }
  [[noreturn]] void fail(std::string message, uint32_t at) const { throw Fault{std::move(message), at}; }

  std::string describe(const Token& token) const {
    switch (token.kind) {
      case TokenKind::kData: return "template text";
      case TokenKind::kVariableBegin: return "'{{'";
      case TokenKind::kVariableEnd: return "the end of the expression";
      case TokenKind::kBlockBegin: return "'{%'";
      case TokenKind::kBlockEnd: return "the end of the tag";
      case TokenKind::kEnd: return "the end of the template";
      case TokenKind::kString: return "a string";
      default: return "'" + token.text + "'";
    }
  }

  void expect_operator(std::string_view op) {
    if (!skip_operator(op)) fail("expected '" + std::string(op) + "', got " + describe(current()));
  }
  void expect_word(std::string_view word) {
    if (!skip_name(word)) fail("expected '" + std::string(word) + "', got " + describe(current()));
  }
  std::string expect_name() {
    if (!at_kind(TokenKind::kName)) fail("expected a name, got " + describe(current()));
    return take().text;
  }
  void expect_kind(TokenKind kind, const char* what) {
    if (!at_kind(kind)) fail(std::string("expected ") + what + ", got " + describe(current()));
    take();
  }

  /// Guards the parser's own recursion.
  struct Deeper {
    explicit Deeper(Parser& p) : parser(p) {
      if (++parser.nesting_ > kMaxNesting) parser.fail("nested too deeply");
    }
    ~Deeper() { --parser.nesting_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Parser& parser;
  };

  // ---- expressions -------------------------------------------------------------------------------

  ExpressionPtr make(K kind, uint32_t at) const {
    auto expression = std::make_unique<Expression>();
    expression->kind = kind;
    expression->at = at;
    return expression;
  }
  void adopt(Expression& parent, ExpressionPtr child) const {
    if (child != nullptr) deepen(parent, *child);
    parent.items.push_back(std::move(child));
  }
  void deepen(Expression& parent, const Expression& child) const {
    parent.depth = std::max(parent.depth, child.depth + 1);
    if (parent.depth > kMaxTreeDepth) fail("this expression is nested too deeply", parent.at);
  }
  template <typename... Children>
  ExpressionPtr make(K kind, uint32_t at, Children... children) const {
    auto expression = make(kind, at);
    (adopt(*expression, std::move(children)), ...);
    return expression;
  }

  ExpressionPtr parse_expression(bool with_conditional = true) {
    const Deeper deeper(*this);
    return with_conditional ? parse_conditional() : parse_or();
  }

  ExpressionPtr parse_conditional() {
    const Deeper deeper(*this);
    uint32_t at = current().at;
    ExpressionPtr value = parse_or();
    while (skip_name("if")) {
      ExpressionPtr condition = parse_or();
      ExpressionPtr otherwise = skip_name("else") ? parse_conditional() : nullptr;
      value = make(K::kConditional, at, std::move(condition), std::move(value), std::move(otherwise));
      at = current().at;
    }
    return value;
  }

  ExpressionPtr parse_or() {
    ExpressionPtr left = parse_and();
    while (at_name("or")) {
      const uint32_t at = take().at;
      left = make(K::kOr, at, std::move(left), parse_and());
    }
    return left;
  }

  ExpressionPtr parse_and() {
    ExpressionPtr left = parse_not();
    while (at_name("and")) {
      const uint32_t at = take().at;
      left = make(K::kAnd, at, std::move(left), parse_not());
    }
    return left;
  }

  ExpressionPtr parse_not() {
    const Deeper deeper(*this);
    if (!at_name("not")) return parse_compare();
    const uint32_t at = take().at;
    return make(K::kNot, at, parse_not());
  }

  bool take_comparison(Comparison& comparison) {
    constexpr std::pair<const char*, Comparison> kOperators[] = {
        {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
        {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterEqual}};
    for (const auto& [op, kind] : kOperators) {
      if (skip_operator(op)) {
        comparison = kind;
        return true;
      }
    }
    comparison = Comparison::kIn;
    if (skip_name("in")) return true;
    comparison = Comparison::kNotIn;
    if (!at_name("not") || look().kind != TokenKind::kName || look().text != "in") return false;
    take();
    take();
    return true;
  }

  ExpressionPtr parse_compare() {
    ExpressionPtr left = parse_sum();
    ExpressionPtr chain;
    uint32_t at = current().at;
    for (Comparison comparison{}; take_comparison(comparison);) {
      if (chain == nullptr) chain = make(K::kCompare, at, std::move(left));
      chain->comparisons.push_back(comparison);
      adopt(*chain, parse_sum());
    }
    return chain != nullptr ? std::move(chain) : std::move(left);
  }

  ExpressionPtr make_binary(BinaryOp op, uint32_t at, ExpressionPtr left, ExpressionPtr right) const {
    ExpressionPtr node = make(K::kBinary, at, std::move(left), std::move(right));
    node->binary_op = op;
    return node;
  }

  ExpressionPtr parse_sum() {
    ExpressionPtr left = parse_concat();
    while (at_operator("+") || at_operator("-")) {
      const BinaryOp op = at_operator("+") ? BinaryOp::kAdd : BinaryOp::kSub;
      const uint32_t at = take().at;
      left = make_binary(op, at, std::move(left), parse_concat());
    }
    return left;
  }

  ExpressionPtr parse_concat() {
    ExpressionPtr first = parse_product();
    if (!at_operator("~")) return first;
    ExpressionPtr all = make(K::kConcat, current().at, std::move(first));
    while (skip_operator("~")) adopt(*all, parse_product());
    return all;
  }

  ExpressionPtr parse_product() {
    ExpressionPtr left = parse_power();
    while (true) {
      BinaryOp op;
      if (at_operator("*")) {
        op = BinaryOp::kMul;
      } else if (at_operator("/")) {
        op = BinaryOp::kDiv;
      } else if (at_operator("//")) {
        op = BinaryOp::kFloorDiv;
      } else if (at_operator("%")) {
        op = BinaryOp::kMod;
      } else {
        return left;
      }
      const uint32_t at = take().at;
      left = make_binary(op, at, std::move(left), parse_power());
    }
  }

  /// Power binds to the left in Jinja (2 ** 3 ** 2 is 64), unlike in Python.
  ExpressionPtr parse_power() {
    ExpressionPtr left = parse_unary(true);
    while (at_operator("**")) {
      const uint32_t at = take().at;
      left = make_binary(BinaryOp::kPow, at, std::move(left), parse_unary(true));
    }
    return left;
  }

  ExpressionPtr parse_unary(bool with_filter) {
    const Deeper deeper(*this);
    ExpressionPtr node;
    if (at_operator("-") || at_operator("+")) {
      const K kind = at_operator("-") ? K::kNegate : K::kPlus;
      const uint32_t at = take().at;
      node = make(kind, at, parse_unary(false));
    } else {
      node = parse_primary(false);
    }
    node = parse_postfix(std::move(node));
    return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
  }

  ExpressionPtr make_constant(Value value, uint32_t at) const {
    ExpressionPtr node = make(K::kConstant, at);
    node->constant = std::move(value);
    return node;
  }

  ExpressionPtr parse_primary(bool with_member) {
    const uint32_t at = current().at;
    if (at_kind(TokenKind::kName)) return parse_name(with_member);
    if (at_kind(TokenKind::kString)) {
      std::string text;
      while (at_kind(TokenKind::kString)) text += take().text;
      return make_constant(Value(std::move(text)), at);
    }
    if (at_kind(TokenKind::kInteger) || at_kind(TokenKind::kFloat)) return make_constant(take().number, at);
    if (skip_operator("(")) {
      ExpressionPtr node = parse_tuple({.parenthesised = true});
      expect_operator(")");
      return node;
    }
    if (at_operator("[")) return parse_list();
    if (at_operator("{")) return parse_dict();
    fail("unexpected " + describe(current()));
  }

  ExpressionPtr parse_name(bool with_member) {
    const Token token = take();
    const std::string& name = token.text;
    if (name == "true" || name == "True") return make_constant(true, token.at);
    if (name == "false" || name == "False") return make_constant(false, token.at);
    if (name == "none" || name == "None") return make_constant(None{}, token.at);
    if (with_member && skip_operator(".")) {
      ExpressionPtr node = make(K::kMember, token.at);
      node->text = name;
      node->attribute = expect_name();
      return node;
    }
    ExpressionPtr node = make(K::kName, token.at);
    node->text = name;
    return node;
  }

  struct TupleRules {
    bool simplified = false;  ///< names and literals only: the target of an assignment
    bool with_conditional = true;
    const char* end_word = nullptr;
    bool parenthesised = false;  ///< () is allowed
    bool with_member = false;
  };

  bool at_tuple_end(const TupleRules& rules) const {
    return at_kind(TokenKind::kVariableEnd) || at_kind(TokenKind::kBlockEnd) || at_operator(")") ||
           (rules.end_word != nullptr && at_name(rules.end_word));
  }

  /// One expression, or several with commas between them as a tuple.
  ExpressionPtr parse_tuple(const TupleRules& rules) {
    const Deeper deeper(*this);
    const uint32_t at = current().at;
    std::vector<ExpressionPtr> items;
    bool is_tuple = false;
    while (true) {
      if (!items.empty()) expect_operator(",");
      if (at_tuple_end(rules)) break;
      items.push_back(rules.simplified ? parse_primary(rules.with_member) : parse_expression(rules.with_conditional));
      if (!at_operator(",")) break;
      is_tuple = true;
    }
    if (!is_tuple && !items.empty()) return std::move(items[0]);
    if (!is_tuple && !rules.parenthesised) fail("expected an expression, got " + describe(current()));
    ExpressionPtr node = make(K::kTuple, at);
    for (ExpressionPtr& item : items) adopt(*node, std::move(item));
    return node;
  }

  ExpressionPtr parse_list() {
    ExpressionPtr node = make(K::kList, take().at);
    while (!at_operator("]")) {
      if (!node->items.empty()) expect_operator(",");
      if (at_operator("]")) break;
      adopt(*node, parse_expression());
    }
    expect_operator("]");
    return node;
  }

  ExpressionPtr parse_dict() {
    ExpressionPtr node = make(K::kDict, take().at);
    while (!at_operator("}")) {
      if (!node->items.empty()) expect_operator(",");
      if (at_operator("}")) break;
      adopt(*node, parse_expression());
      expect_operator(":");
      adopt(*node, parse_expression());
    }
    expect_operator("}");
    return node;
  }

  ExpressionPtr parse_postfix(ExpressionPtr node) {
    while (true) {
      if (at_operator(".") || at_operator("[")) {
        node = parse_subscript(std::move(node));
      } else if (at_operator("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
    }
  }

  ExpressionPtr parse_filters_and_tests(ExpressionPtr node) {
    while (true) {
      if (at_operator("|")) {
        node = parse_filter(std::move(node), false);
      } else if (at_name("is")) {
        node = parse_test(std::move(node));
      } else if (at_operator("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
    }
  }

  ExpressionPtr parse_subscript(ExpressionPtr node) {
    const Token token = take();
    if (token.text == ".") {
      const Token name = take();
      if (name.kind == TokenKind::kName) {
        ExpressionPtr result = make(K::kAttribute, name.at, std::move(node));
        result->text = name.text;
        return result;
      }
      if (name.kind != TokenKind::kInteger) fail("expected a name or number", name.at);
      return make(K::kItem, token.at, std::move(node), make_constant(name.number, name.at));
    }
    std::vector<ExpressionPtr> keys;
    while (!at_operator("]")) {
      if (!keys.empty()) expect_operator(",");
      keys.push_back(parse_subscript_key());
    }
    expect_operator("]");
    if (keys.size() == 1) return make(K::kItem, token.at, std::move(node), std::move(keys[0]));
    ExpressionPtr tuple = make(K::kTuple, token.at);
    for (ExpressionPtr& key : keys) adopt(*tuple, std::move(key));
    return make(K::kItem, token.at, std::move(node), std::move(tuple));
  }

  ExpressionPtr parse_subscript_key() {
    const uint32_t at = current().at;
    ExpressionPtr parts[3];
    if (!at_operator(":")) {
      parts[0] = parse_expression();
      if (!at_operator(":")) return std::move(parts[0]);
    }
    take();
    const auto at_end = [this] { return at_operator("]") || at_operator(","); };
    if (!at_operator(":") && !at_end()) parts[1] = parse_expression();
    if (skip_operator(":") && !at_end()) parts[2] = parse_expression();
    return make(K::kSlice, at, std::move(parts[0]), std::move(parts[1]), std::move(parts[2]));
  }

  std::unique_ptr<CallArguments> parse_arguments(Expression& owner) {
    const uint32_t begin = current().at;
    expect_operator("(");
    auto arguments = std::make_unique<CallArguments>();
    const auto ensure = [&](bool fine) {
      if (!fine) fail("invalid syntax for function call expression", begin);
    };
    for (bool first = true; !at_operator(")"); first = false) {
      if (!first) {
        expect_operator(",");
        if (at_operator(")")) break;
      }
      ExpressionPtr value;
      ExpressionPtr* place = nullptr;
      if (skip_operator("*")) {
        ensure(arguments->sequence == nullptr && arguments->mapping == nullptr);
        place = &arguments->sequence;
      } else if (skip_operator("**")) {
        ensure(arguments->mapping == nullptr);
        place = &arguments->mapping;
      } else if (at_kind(TokenKind::kName) && look().kind == TokenKind::kOperator && look().text == "=") {
        ensure(arguments->mapping == nullptr);
        for (const auto& [name, other] : arguments->named) {
          if (name == current().text) fail("keyword argument repeated: " + name);
        }
        arguments->named.emplace_back(take().text, nullptr);
        place = &arguments->named.back().second;
        take();
      } else {
        ensure(arguments->sequence == nullptr && arguments->mapping == nullptr && arguments->named.empty());
        place = &arguments->positional.emplace_back();
      }
      value = parse_expression();
      deepen(owner, *value);
      *place = std::move(value);
    }
    expect_operator(")");
    return arguments;
  }

  ExpressionPtr parse_call(ExpressionPtr callee) {
    ExpressionPtr node = make(K::kCall, current().at, std::move(callee));
    node->arguments = parse_arguments(*node);
    return node;
  }

  std::string parse_dotted_name() {
    std::string name = expect_name();
    while (skip_operator(".")) name += "." + expect_name();
    return name;
  }

  /// One or more filters; `bare` when the first has no "|" before it ({% filter name %}).
  ExpressionPtr parse_filter(ExpressionPtr node, bool bare) {
    while (bare || at_operator("|")) {
      if (!bare) take();
      bare = false;
      ExpressionPtr filter = make(K::kFilter, current().at, std::move(node));
      filter->text = parse_dotted_name();
      filter->arguments = at_operator("(") ? parse_arguments(*filter) : std::make_unique<CallArguments>();
      node = std::move(filter);
    }
    return node;
  }

  ExpressionPtr parse_test(ExpressionPtr node) {
    const uint32_t begin = take().at;
    const bool negated = skip_name("not");
    ExpressionPtr test = make(K::kTest, current().at, std::move(node));
    test->text = parse_dotted_name();
    if (at_operator("(")) {
      test->arguments = parse_arguments(*test);
    } else {
      test->arguments = std::make_unique<CallArguments>();
      const bool argument_follows = at_kind(TokenKind::kName) || at_kind(TokenKind::kString) ||
                                    at_kind(TokenKind::kInteger) || at_kind(TokenKind::kFloat) || at_operator("[") ||
                                    at_operator("{");
      if (argument_follows && !at_any_name({"else", "or", "and"})) {
        if (at_name("is")) fail("tests cannot be chained with is");
        ExpressionPtr argument = parse_postfix(parse_primary(false));
        deepen(*test, *argument);
        test->arguments->positional.push_back(std::move(argument));
      }
    }
    return negated ? make(K::kNot, begin, std::move(test)) : std::move(test);
  }

  // ---- statements ----------------------------------------------------------------------------------

  using Ends = std::initializer_list<const char*>;

  StatementPtr make_statement(StatementKind kind, uint32_t at) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->at = at;
    return statement;
  }

  /// Statements up to one of the tags `ends`, whose name is then current; with no ends, to the end.
  Block parse_body(Ends ends) {
    const Deeper deeper(*this);
    Block body;
    while (!at_kind(TokenKind::kEnd)) {
      const uint32_t at = current().at;
      if (at_kind(TokenKind::kData)) {
        StatementPtr data = make_statement(StatementKind::kData, at);
        data->text = take().text;
        body.push_back(std::move(data));
      } else if (at_kind(TokenKind::kVariableBegin)) {
        take();
        StatementPtr print = make_statement(StatementKind::kPrint, at);
        print->value = parse_tuple({});
        expect_kind(TokenKind::kVariableEnd, "the end of the expression");
        body.push_back(std::move(print));
      } else {
        expect_kind(TokenKind::kBlockBegin, "a tag");
        if (at_any_name(ends)) return body;
        parse_tag(body, ends);
        expect_kind(TokenKind::kBlockEnd, "the end of the tag");
      }
    }
    if (ends.size() > 0) {
      fail("the template ends inside {% " + open_tags_.back().first + " %}; expected {% " + *ends.begin() + " %}",
           open_tags_.back().second);
    }
    return body;
  }

  /// The rest of a tag and the body behind it, up to one of `ends`; drops a single end's name.
  Block parse_tag_body(Ends ends, bool drop_end = true) {
    skip_operator(":");
    expect_kind(TokenKind::kBlockEnd, "the end of the tag");
    Block body = parse_body(ends);
    if (drop_end) take();
    return body;
  }

  void parse_tag(Block& body, Ends ends) {
    if (!at_kind(TokenKind::kName)) fail("expected the name of a tag, got " + describe(current()));
    const Token tag = take();
    open_tags_.emplace_back(tag.text, tag.at);
    if (tag.text == "print") {
      parse_print(body, tag.at);
    } else if (StatementPtr statement = parse_statement(tag, ends)) {
      body.push_back(std::move(statement));
    }
    open_tags_.pop_back();
  }

  StatementPtr parse_statement(const Token& tag, Ends ends) {
    if (tag.text == "for") return parse_for(tag.at);
    if (tag.text == "if") return parse_if(tag.at);
    if (tag.text == "set") return parse_set(tag.at);
    if (tag.text == "macro") return parse_macro(tag.at);
    if (tag.text == "call") return parse_call_block(tag.at);
    if (tag.text == "filter") return parse_filter_block(tag.at);
    if (tag.text == "with") return parse_with(tag.at);
    if (tag.text == "generation") return parse_generation(tag.at);
    if (tag.text == "break") return make_statement(StatementKind::kBreak, tag.at);
    if (tag.text == "continue") return make_statement(StatementKind::kContinue, tag.at);
    for (const char* other : {"include", "import", "from", "extends", "block", "autoescape"}) {
      if (tag.text == other) {
        fail("the tag '" + tag.text + "' is not supported: a chat template is one text of its own", tag.at);
      }
    }
    std::string message = "unknown tag '" + tag.text + "'";
    if (ends.size() > 0) message += std::string("; expected {% ") + *ends.begin() + " %}";
    fail(message, tag.at);
  }

  void parse_print(Block& body, uint32_t at) {
    for (bool first = true; !at_kind(TokenKind::kBlockEnd); first = false) {
      if (!first) expect_operator(",");
      StatementPtr print = make_statement(StatementKind::kPrint, at);
      print->value = parse_expression();
      body.push_back(std::move(print));
    }
  }

  void check_target(const Expression& target) const {
    if (target.kind == K::kName || target.kind == K::kMember) return;
    if (target.kind != K::kTuple) fail("cannot assign to this", target.at);
    for (const ExpressionPtr& item : target.items) check_target(*item);
  }

  ExpressionPtr parse_target(bool with_member, const char* end_word = nullptr) {
    ExpressionPtr target = parse_tuple({.simplified = true, .end_word = end_word, .with_member = with_member});
    check_target(*target);
    return target;
  }

  std::string parse_target_name() {
    const Token token = current();
    std::string name = expect_name();
    for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name == constant) fail("cannot assign to '" + name + "'", token.at);
    }
    return name;
  }

  StatementPtr parse_for(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kFor, at);
    statement->loop = std::make_unique<ForCode>();
    ForCode& loop = *statement->loop;
    loop.target = parse_target(false, "in");
    expect_word("in");
    loop.items = parse_tuple({.with_conditional = false, .end_word = "recursive"});
    if (skip_name("if")) loop.filter = parse_expression();
    loop.recursive = skip_name("recursive");
    loop.body = parse_tag_body({"endfor", "else"}, false);
    if (take().text == "else") loop.otherwise = parse_tag_body({"endfor"});
    return statement;
  }

  StatementPtr parse_if(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kIf, at);
    statement->choice = std::make_unique<IfCode>();
    while (true) {
      IfCode::Branch& branch = statement->choice->branches.emplace_back();
      branch.condition = parse_tuple({.with_conditional = false});
      branch.body = parse_tag_body({"endif", "elif", "else"}, false);
      const std::string end = take().text;
      if (end == "elif") continue;
      if (end == "else") statement->choice->branches.emplace_back().body = parse_tag_body({"endif"});
      return statement;
    }
  }

  StatementPtr parse_set(uint32_t at) {
    ExpressionPtr target = parse_target(true);
    if (skip_operator("=")) {
      StatementPtr statement = make_statement(StatementKind::kSet, at);
      statement->target = std::move(target);
      statement->value = parse_tuple({});
      return statement;
    }
    StatementPtr statement = make_statement(StatementKind::kSetBlock, at);
    statement->target = std::move(target);
    statement->value = parse_filter(nullptr, false);
    statement->body = parse_tag_body({"endset"});
    return statement;
  }

  void parse_signature(MacroCode& macro) {
    expect_operator("(");
    bool had_default = false;
    while (!at_operator(")")) {
      if (!macro.parameters.empty()) expect_operator(",");
      Parameter parameter;
      parameter.name = parse_target_name();
      for (const Parameter& other : macro.parameters) {
        if (other.name == parameter.name) fail("duplicate argument '" + parameter.name + "'");
      }
      if (skip_operator("=")) {
        parameter.otherwise = parse_expression();
        had_default = true;
      } else if (had_default) {
        fail("an argument without a default follows one with a default");
      }
      macro.parameters.push_back(std::move(parameter));
    }
    expect_operator(")");
  }

  StatementPtr parse_macro(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kMacro, at);
    statement->macro = std::make_unique<MacroCode>();
    statement->macro->name = parse_target_name();
    parse_signature(*statement->macro);
    statement->macro->body = parse_tag_body({"endmacro"});
    return statement;
  }

  StatementPtr parse_call_block(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kCallBlock, at);
    statement->macro = std::make_unique<MacroCode>();
    statement->macro->name = "caller";
    if (at_operator("(")) parse_signature(*statement->macro);
    statement->value = parse_expression();
    if (statement->value->kind != K::kCall) fail("expected a call", statement->value->at);
    statement->macro->body = parse_tag_body({"endcall"});
    return statement;
  }

  StatementPtr parse_filter_block(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kFilterBlock, at);
    statement->value = parse_filter(nullptr, true);
    statement->body = parse_tag_body({"endfilter"});
    return statement;
  }

  StatementPtr parse_with(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kWith, at);
    while (!at_kind(TokenKind::kBlockEnd)) {
      if (!statement->targets.empty()) expect_operator(",");
      statement->targets.push_back(parse_target(false));
      expect_operator("=");
      statement->values.push_back(parse_expression());
    }
    statement->body = parse_tag_body({"endwith"});
    return statement;
  }

  StatementPtr parse_generation(uint32_t at) {
    StatementPtr statement = make_statement(StatementKind::kGeneration, at);
    statement->macro = std::make_unique<MacroCode>();
    statement->macro->name = "caller";
    statement->macro->body = parse_tag_body({"endgeneration"});
    return statement;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  std::vector<std::pair<std::string, uint32_t>> open_tags_;  ///< name, place
};

}  // namespace

Program parse(std::string_view source, const SyntaxOptions& options) {
  Program program;
  program.source = normalize_source(source);
  if (program.source.size() >= UINT32_MAX) throw Fault{"the template is larger than 4 GiB", 0};
  program.body = Parser(tokenize(program.source, options)).parse_template();
  bind_names(program);
  return program;
}

}  // namespace hone::text::jinja
