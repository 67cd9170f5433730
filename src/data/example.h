// The one internal form that every record shape is turned into: a list of turns.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace hone::data {

/// Where a record came from, for messages and for accounting.
struct Origin {
  std::string file;
  uint64_t line = 0;  ///< from 1
  uint64_t byte = 0;  ///< of the line's first byte in the file
};

/// One turn. `content` is text; everything else a template may read (tool_calls, name …) is kept in
/// `extra`, as it was written.
struct Message {
  std::string role;  ///< system, user, assistant, tool
  std::string content;
  bool trained = true;     ///< assistant turns only: false where `weight` is 0
  std::string extra_json;  ///< "" or a JSON object of the other fields
};

/// A supervised example (`messages`), or a piece of raw corpus (`text`, messages empty).
struct Example {
  std::vector<Message> messages;
  std::string text;
  std::string tools_json;  ///< "" or a JSON array
  Origin origin;
};

}  // namespace hone::data
