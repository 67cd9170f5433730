// Settings that are each fine and together are not.
#pragma once
#include "base/config/reader.h"
#include "recipe/train_config.h"

namespace hone::recipe {

/// Notes every contradiction in `reader`, and settles `tracking: none`.
void check_together(TrainConfig& config, ConfigReader& reader);

}  // namespace hone::recipe
