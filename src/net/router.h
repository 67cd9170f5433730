// Which handler a method and a path belong to. Matched on decoded segments and exactly: no trailing slash, no doubled
// slash, no dot segment ever reaches a route that was not written so.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace hone::net {

class Router {
 public:
  /// `pattern` is "/v1/files/{file_id}/content"; {name} takes one segment. Throws Error(kInput) for a pattern that does
  /// not begin with "/", and for a route that is there already. Returns the index that match() gives.
  size_t add(const std::string& method, const std::string& pattern);

  struct Match {
    enum class Result { kFound, kNoPath, kNoMethod } result = Result::kNoPath;
    size_t index = 0;
    std::string pattern;  ///< of the path, also where the method is wrong
    std::map<std::string, std::string> values;
    std::string allow;  ///< "GET, HEAD, OPTIONS, POST" where the path is known
  };
  /// A literal segment wins over {name}, the earlier segment first. HEAD finds the route of GET.
  Match match(const std::string& method, const std::vector<std::string>& segments) const;

 private:
  struct Node {
    std::map<std::string, Node> literal;
    std::map<std::string, size_t> methods;
    std::vector<Node> any;  ///< none or one
    std::string pattern;
    std::vector<std::string> names;  ///< of {name} on the way here
  };
  static const Node* find(const Node& node, const std::vector<std::string>& segments, size_t depth,
                          std::vector<std::string>& taken);
  Node root_;
  size_t count_ = 0;
};

}  // namespace hone::net
