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

/// The worse answer of a preference pair, to the same prompt as the better one.
struct Rejected {
  size_t shared = 0;              ///< how much of the example is the prompt: turns of its messages, bytes of its text
  std::vector<Message> messages;  ///< the turns after the prompt
  std::string text;               ///< what follows the prompt in a raw text
};

/// A supervised example (`messages`), or a piece of raw corpus (`text`, messages empty). Of a preference pair these
/// are the prompt and the chosen answer, and `rejected` is there.
struct Example {
  std::vector<Message> messages;
  std::string text;
  std::string tools_json;  ///< "" or a JSON array
  Origin origin;
  std::optional<Rejected> rejected;
};

/// The prompt of a pair with the rejected answer in place of the chosen one.
Example rejected_branch(const Example& pair);

}  // namespace hone::data
