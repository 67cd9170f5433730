// Tokens that a client sends in place of a text.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace hone::serve {

/// A list of ids below `vocabulary`; throws ApiError naming `param`.
std::vector<int32_t> read_token_ids(const Json& list, int64_t vocabulary, const std::string& param);

}  // namespace hone::serve
