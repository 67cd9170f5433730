// The settings that the Metaspace pre-tokenizer and decoder share.
#pragma once
#include <string>

#include "base/json.h"

namespace hone::text {

struct MetaspaceOptions {
  enum class Prepend { kAlways, kFirst, kNever };
  std::string replacement;  ///< one character, usually U+2581
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};

/// Understands the older field add_prefix_space as well.
MetaspaceOptions metaspace_options(const Json& spec, const std::string& place);

}  // namespace hone::text
