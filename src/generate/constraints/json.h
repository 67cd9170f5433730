// Answers that are JSON: OpenAI's response_format json_object and json_schema, and arguments of tool calls.
// Start here: a grammar is compiled once a request (or once a schema), a TokenTrie once a tokenizer, a
// constraint once an answer. docs/structured-outputs.md says what of JSON Schema is known.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "generate/constraint.h"
#include "generate/constraints/grammar.h"
#include "generate/constraints/token_trie.h"

namespace hone::generate {

/// Any JSON object (RFC 8259), nested up to JsonGrammar::kDeepest levels, with bounded blanks and numbers.
std::shared_ptr<const JsonGrammar> compile_json_object();

/// What JSON Schema (draft 2020-12) says of an instance. `name` is the client's, `what` stands before it in
/// messages ("response_format", "function"). A keyword that is not known, a schema that nothing satisfies, and one
/// too large (within a bounded time) throw Error naming the JSON pointer; with `strict`, so does what OpenAI's
/// strict mode refuses, in its words.
std::shared_ptr<const JsonGrammar> compile_json_schema(const Json& schema, bool strict, const std::string& name,
                                                       const std::string& what = "response_format");

/// For one answer. Stop tokens may come where the answer may end; special and added tokens never.
std::unique_ptr<Constraint> make_constraint(std::shared_ptr<const JsonGrammar> grammar,
                                            std::shared_ptr<const TokenTrie> trie, std::vector<int32_t> stop_ids);

}  // namespace hone::generate
