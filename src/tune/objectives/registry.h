// What is learned from an example. One file and one line each.
#pragma once
#include "base/registry.h"
#include "text/chat_encoding.h"

namespace hone::tune {

struct Objective {
  /// From an example to ids and the mask of what carries loss.
  text::EncodedExample (*encode)(const text::ChatEncoder& encoder, const data::Example& example);
  bool needs_chat_template = false;
};

const Registry<Objective>& objectives();

}  // namespace hone::tune
