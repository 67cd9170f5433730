// Settings that are each fine and together are not.
#pragma once
#include "base/config/reader.h"
#include "recipe/train_config.h"

namespace hone::recipe {

/// Notes every contradiction in `reader`, and settles what gives way: `tracking: none`, the
/// warm-up ratio beside warm-up steps.
void check_together(TrainConfig& config, ConfigReader& reader);

}  // namespace hone::recipe
