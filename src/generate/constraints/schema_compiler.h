// A JSON Schema document turned into a grammar, one keyword after the other.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generate/constraints/grammar.h"
#include "generate/constraints/schema.h"

namespace hone::generate {

class SchemaCompiler {
 public:
  /// `label` stands before the pointer in messages; `units` is what compiling may cost.
  SchemaCompiler(const Json& root, std::string label, JsonGrammar& grammar, int64_t units = Budget{}.left);

  void check_size() const { document_.check_size(); }
  void compile();
  /// For a part of a larger grammar: where a value of the whole schema begins, after which `next` comes; -1 when there
  /// is none.
  int32_t begin(int32_t next) { return value(root_, "#", next); }
  int64_t left() const { return budget_.left; }

  /// A grammar for any JSON object.
  void compile_any_object();

 private:
  /// Says where in the schema the compiler is, for messages, as long as it lives.
  class At {
   public:
    At(SchemaCompiler& compiler, std::string pointer);
    ~At();
    At(const At&) = delete;
    At& operator=(const At&) = delete;

   private:
    SchemaCompiler& compiler_;
    std::string before_;
    int depth_before_;
  };

  [[noreturn]] void refuse(const std::string& pointer, const std::string& message, const std::string& remedy = "");
  void check_keywords(const Json& schema, const std::string& pointer);

  // Each gives the node where a value of the schema begins and after which `next` comes; -1 when there is none.
  int32_t value(const Json& schema, const std::string& pointer, int32_t next);
  int32_t reference(const Json& schema, const std::string& pointer, int32_t next);
  int32_t alternatives(const Json& schema, const std::string& pointer, const char* keyword, int32_t next);
  int32_t literals(const Json& schema, const std::string& pointer, int32_t next);
  int32_t typed(const Json& schema, const std::string& pointer, int32_t next);
  int32_t of_type(const std::string& type, const Json& schema, const std::string& pointer, int32_t next);
  int32_t string(const Json& schema, const std::string& pointer, int32_t next);
  int32_t number(bool integer, const Json& schema, const std::string& pointer, int32_t next);
  int32_t object(const Json& schema, const std::string& pointer);  ///< from { to the return
  int32_t array(const Json& schema, const std::string& pointer);   ///< from [ to the return
  int32_t any(int32_t next);
  /// The part of the grammar for the schema that a $ref names, to be called; made once.
  int32_t part(const Json& ref);

  std::vector<std::string> types_of(const Json& schema, const std::string& pointer);
  std::optional<uint32_t> count(const Json& schema, const char* keyword, const std::string& pointer);
  int32_t member(const std::string& key, const Json& schema, const std::string& pointer, int32_t next);

  const Json& root_;
  std::string label_;
  JsonGrammar& grammar_;
  Budget budget_;
  SchemaDocument document_;
  GrammarBuilder build_;
  std::map<std::string, int32_t> parts_;
  int32_t any_ = -1;
  int depth_ = 0;
};

}  // namespace hone::generate
