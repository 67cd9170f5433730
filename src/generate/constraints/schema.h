// JSON Schema documents before they become a grammar: keywords, $ref, allOf.
#pragma once
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "generate/constraints/budget.h"

namespace hone::generate {

/// The JSON pointer of what stands under `key`.
std::string pointer_to(const std::string& pointer, std::string_view key);

/// Title, description, default and what else says nothing of an instance.
bool is_annotation(std::string_view keyword);
/// True when a keyword other than annotations (and those of `besides`) stands there.
bool constrains(const Json& schema, const std::set<std::string_view>& besides);

/// Schemas and the document that they point into.
class SchemaDocument {
 public:
  SchemaDocument(const Json& root, Budget& budget) : root_(root), budget_(budget) {}

  /// Too deep or too large a document, and what is not a schema, throw Error.
  void check_size() const;
  /// The schema that a $ref ("#", "#/$defs/x") names.
  const Json& resolve(const Json& ref) const;
  /// What satisfies both: `a` and `b` as one schema without $ref and allOf, `false` when nothing does. anyOf is kept,
  /// in one of them at most. What cannot be put together throws Error.
  Json both(const Json& a, const Json& b, int depth = 0) const;

 private:
  Json flat(const Json& schema, int depth) const;
  Json both_objects(const Json& a, const Json& b) const;

  const Json& root_;
  Budget& budget_;
};

/// What OpenAI's strict mode asks of a schema beyond what we support; throws Error in its words.
void check_strict(const Json& schema, const std::string& name, const std::string& what);

}  // namespace hone::generate
