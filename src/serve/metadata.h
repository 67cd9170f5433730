// The `metadata` that clients keep beside jobs and experiments.
#pragma once
#include "serve/fields.h"

namespace hone::serve {

/// {} where there is none; at most 16 texts of 512 characters under names of 64. Throws ApiError.
Json read_metadata(const Fields& fields);

}  // namespace hone::serve
