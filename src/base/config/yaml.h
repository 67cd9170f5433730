// A YAML document as a plain tree that keeps where each part stood. What the configuration reader needs and
// no more: one document, scalars as they were written, anchors resolved, custom tags refused. Bounded in
// depth and size, so that any bytes are safe to read.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hone {

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;                ///< of a scalar
  bool quoted = false;             ///< a scalar in quotes or a block (| or >): surely meant as text
  int line = 1, column = 1;        ///< from 1; columns count characters, not bytes
  std::vector<YamlNode> items;     ///< of a list
  std::vector<YamlEntry> entries;  ///< of a map, in order, repeated keys included
};

struct YamlEntry {
  YamlNode key, value;  ///< the key is a scalar
};

/// An empty document is kNull. A syntax fault throws Error(kInput) naming `source`, line and column.
YamlNode parse_yaml(std::string_view text, const std::string& source);

}  // namespace hone
