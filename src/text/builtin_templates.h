// The named chat templates that come with hone; builtin_chat_template() in chat_template.h looks one up.
#pragma once
#include "base/registry.h"

namespace hone::text {

const Registry<const char*>& builtin_chat_templates();

}  // namespace hone::text
