// The service's tables. A step that has been released is never changed: what comes later is another step.
#pragma once
#include <span>

#include "store/migration.h"

namespace hone::serve {

std::span<const store::Migration> migrations();

}  // namespace hone::serve
