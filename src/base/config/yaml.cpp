#include "base/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace hone {
namespace {

constexpr size_t kMaxBytes = size_t{4} << 20;
constexpr size_t kMaxDepth = 64;
/// Bounds what a few anchors that refer to each other can grow to.
constexpr size_t kMaxNodes = 200'000;

/// Turns the parser's byte columns into characters.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    size_t begin = 0;
    while (true) {
      const size_t end = text.find('\n', begin);
      lines_.push_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
      if (end == std::string_view::npos) break;
      begin = end + 1;
    }
  }
  std::string_view at(int line) const {
    return line >= 0 && static_cast<size_t>(line) < lines_.size() ? lines_[static_cast<size_t>(line)]
                                                                  : std::string_view{};
  }
  int column(int line, int byte_column) const {
    const std::string_view before = at(line).substr(0, static_cast<size_t>(std::max(byte_column, 0)));
    const auto continued = std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xC0) == 0x80; });
    return std::max(byte_column, 0) - static_cast<int>(continued) + 1;
  }

 private:
  std::vector<std::string_view> lines_;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const Lines& lines, const std::string& source) : lines_(lines), source_(source) {}

  YamlNode root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    complete(make(YamlNode::Kind::kNull, mark), anchor, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    YamlNode node = make(YamlNode::Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag == "!" || ends_with(tag, ":str");
    complete(std::move(node), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "the alias refers to a value that contains it");
    count(found->second.second, mark);
    YamlNode copy = found->second.first;
    std::tie(copy.line, copy.column) = std::pair(mark.line + 1, lines_.column(mark.line, mark.column));
    attach(std::move(copy), mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::optional<YamlNode> key;  // of the map entry whose value comes next
    size_t first_node;            // nodes counted when it was opened
  };

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message) const {
    fail_input(format("%s:%d:%d", source_.c_str(), mark.line + 1, lines_.column(mark.line, mark.column)), message);
  }

  void count(size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes) fail(mark, "the document has too many values");
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    constexpr std::string_view kCore[] = {"",
                                          "?",
                                          "!",
                                          "tag:yaml.org,2002:str",
                                          "tag:yaml.org,2002:int",
                                          "tag:yaml.org,2002:float",
                                          "tag:yaml.org,2002:bool",
                                          "tag:yaml.org,2002:null",
                                          "tag:yaml.org,2002:seq",
                                          "tag:yaml.org,2002:map"};
    if (std::find(std::begin(kCore), std::end(kCore), tag) != std::end(kCore)) return;
    fail(mark, "the tag \"" + excerpt(tag, 60) + "\" is not supported; write the plain value");
  }

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) const {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = lines_.column(mark.line, mark.column);
    return node;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(mark, tag);
    if (stack_.size() >= kMaxDepth) fail(mark, format("values nest deeper than %zu levels", kMaxDepth));
    stack_.push_back({make(kind, mark), anchor, mark, std::nullopt, nodes_});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    complete(std::move(done.node), done.anchor, done.mark, nodes_ - done.first_node);
  }

  void complete(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark, size_t inner_nodes = 0) {
    count(1, mark);
    if (anchor != YAML::NullAnchor) {
      count(inner_nodes + 1, mark);  // the copy that is kept
      anchors_[anchor] = {node, inner_nodes + 1};
    }
    attach(std::move(node), mark);
  }

  void attach(YamlNode node, const YAML::Mark& mark) {
    if (stack_.empty()) {
      root = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind == YamlNode::Kind::kNull) {
        node.kind = YamlNode::Kind::kScalar;
        node.text = "null";
      }
      if (node.kind != YamlNode::Kind::kScalar) fail(mark, "a key must be a single word, not a list or a map");
      parent.key = std::move(node);
    } else {
      // The library places a missing value at the next token, often lines below; the key is where to look.
      if (node.kind == YamlNode::Kind::kNull)
        std::tie(node.line, node.column) = std::tie(parent.key->line, parent.key->column);
      parent.node.entries.push_back({std::move(*parent.key), std::move(node)});
      parent.key.reset();
    }
  }

  const Lines& lines_;
  const std::string& source_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, std::pair<YamlNode, size_t>> anchors_;
  size_t nodes_ = 0;
};

/// The first byte that is not part of valid UTF-8 (RFC 3629), or npos. UTF-16 is refused by its zeros.
size_t find_broken_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || length > text.size() - at) return at;
    for (size_t i = 1; i < length; ++i) {
      if ((text[at + i] & 0xC0) != 0x80) return at;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool beyond =
        (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);  // surrogates, above U+10FFFF
    if (overlong || beyond) return at;
    at += length;
  }
  return std::string_view::npos;
}

[[noreturn]] void fail_syntax(const YAML::Exception& fault, const Lines& lines, const std::string& source) {
  const int line = std::max(fault.mark.line, 0);
  const std::string_view text = lines.at(line);
  const bool tab = text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
  fail_input(format("%s:%d:%d", source.c_str(), line + 1, lines.column(line, fault.mark.column)),
             "not valid YAML: " + fault.msg + ", near \"" + excerpt(trim(text), 60) + "\"",
             tab ? "the line is indented with a tab; YAML wants blanks"
                 : "check the indentation, colons and brackets around that line");
}

}  // namespace

YamlNode parse_yaml(std::string_view text, const std::string& source) {
  if (text.size() > kMaxBytes)
    fail_input(source, format("has %zu bytes, a configuration at most %zu", text.size(), kMaxBytes));
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    fail_input(source, format("byte %zu is zero: this is not a text file", zero));
  }
  if (const size_t broken = find_broken_utf8(text); broken != std::string_view::npos) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(broken), '\n') + 1;
    fail_input(format("%s:%ld", source.c_str(), static_cast<long>(line)), format("byte %zu is not UTF-8", broken),
               "save the file as UTF-8; Korean text from older editors is often CP949");
  }
  const Lines lines(text);
  TreeBuilder tree(lines, source);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(tree)) {
      YamlNode first = std::exchange(tree.root, YamlNode{});
      if (parser.HandleNextDocument(tree))
        fail_input(source, "holds more than one YAML document", "keep one; \"---\" begins another");
      return first;
    }
    return YamlNode{};
  } catch (const YAML::Exception& fault) {
    fail_syntax(fault, lines, source);
  }
}

}  // namespace hone
