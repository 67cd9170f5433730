// The members of a request's JSON object, read with OpenAI's wording of what is wrong with them.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace hone::serve {

/// Parses a request's body: an object, nested at most 64 deep, with bounds on what it costs to hold and to look
/// through. Throws ApiError.
Json parse_body(const std::string& body);

/// A member that is null counts as absent. Every function throws ApiError naming the member, its path in front.
class Fields {
 public:
  /// `object` must outlive this. `path`: of the object itself, "" for the body.
  explicit Fields(const Json& object, std::string path = "");

  bool has(const std::string& key) const;
  /// Any value; null where it is absent.
  const Json* find(const std::string& key) const;
  std::string text(const std::string& key, int64_t least = 0,
                   int64_t most = std::numeric_limits<int64_t>::max()) const;  ///< must be there; lengths in characters
  std::optional<std::string> optional_text(const std::string& key, int64_t least = 0,
                                           int64_t most = std::numeric_limits<int64_t>::max()) const;
  /// One of `known`.
  std::optional<std::string> choice(const std::string& key, std::initializer_list<const char*> known) const;
  std::optional<int64_t> integer(const std::string& key, int64_t least, int64_t most) const;
  std::optional<double> number(const std::string& key, double least, double most) const;
  std::optional<bool> boolean(const std::string& key) const;
  const Json* object(const std::string& key) const;
  const Json* array(const std::string& key) const;
  /// Throws unless every member is one of these.
  void only(std::initializer_list<const char*> known) const;
  /// Throws that `key` is missing.
  [[noreturn]] void missing(const std::string& key) const;
  std::string path(const std::string& key) const;

 private:
  [[noreturn]] void wrong_type(const std::string& key, const char* expected) const;
  template <typename Number>
  void check_range(const std::string& key, Number value, Number least, Number most, const char* kind) const;

  const Json& object_;
  std::string path_;
};

}  // namespace hone::serve
