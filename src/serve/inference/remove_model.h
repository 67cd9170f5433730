// A fine-tuned model taken away.
#pragma once
#include <string>

#include "serve/inference/model_host.h"
#include "serve/records.h"

namespace hone::serve {

/// From now on nobody finds it by its name, and its memory is given up. Its folder stays while answers may read it: the
/// next start removes it. False if there is none of this name.
bool remove_model(Records& records, ModelHost& host, const std::string& name);

}  // namespace hone::serve
