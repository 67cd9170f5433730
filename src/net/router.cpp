#include "net/router.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"

namespace hone::net {

size_t Router::add(const std::string& method, const std::string& pattern) {
  if (pattern.empty() || pattern.front() != '/') fail_input("route " + pattern, "must begin with \"/\"");
  Node* node = &root_;
  std::vector<std::string> names;
  for (const std::string& segment : split(pattern.substr(1), '/')) {
    const bool is_name = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    if (is_name) {
      names.push_back(segment.substr(1, segment.size() - 2));
      if (node->any.empty()) node->any.emplace_back();
      node = &node->any.front();
    } else {
      node = &node->literal[segment];
    }
  }
  if (!node->pattern.empty() && node->pattern != pattern)
    fail_input("route " + pattern, "is the same as " + node->pattern + " with other names", "use the same names");
  if (!node->methods.emplace(method, count_).second) fail_input("route " + method + " " + pattern, "is there already");
  node->pattern = pattern;
  node->names = std::move(names);
  return count_++;
}

const Router::Node* Router::find(const Node& node, const std::vector<std::string>& segments, size_t depth,
                                 std::vector<std::string>& taken) {
  if (depth == segments.size()) return node.methods.empty() ? nullptr : &node;
  const std::string& segment = segments[depth];
  if (const auto literal = node.literal.find(segment); literal != node.literal.end()) {
    if (const Node* found = find(literal->second, segments, depth + 1, taken)) return found;
  }
  if (node.any.empty() || segment.empty() || segment == "." || segment == "..") return nullptr;
  taken.push_back(segment);
  if (const Node* found = find(node.any.front(), segments, depth + 1, taken)) return found;
  taken.pop_back();
  return nullptr;
}

Router::Match Router::match(const std::string& method, const std::vector<std::string>& segments) const {
  Match match;
  std::vector<std::string> taken;
  const Node* node = segments.empty() ? nullptr : find(root_, segments, 0, taken);
  if (node == nullptr) return match;
  match.pattern = node->pattern;
  for (size_t i = 0; i < taken.size(); ++i) match.values[node->names[i]] = taken[i];
  std::set<std::string> allowed = {"OPTIONS"};
  for (const auto& [name, index] : node->methods) allowed.insert(name);
  if (node->methods.count("GET") != 0) allowed.insert("HEAD");
  match.allow = join({allowed.begin(), allowed.end()}, ", ");
  auto found = node->methods.find(method);
  if (found == node->methods.end() && method == "HEAD") found = node->methods.find("GET");
  match.result = found == node->methods.end() ? Match::Result::kNoMethod : Match::Result::kFound;
  if (found != node->methods.end()) match.index = found->second;
  return match;
}

}  // namespace hone::net
