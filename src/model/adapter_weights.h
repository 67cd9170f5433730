// An adapter beside a decoder instead of attached to it: many of them share one base, each for rows of its own.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "model/linear.h"

namespace hone::model {

/// The updates of one adapter by the index() of the Linear that each belongs to, in the decoder's compute type and on
/// its device. Never changes once it is made: threads may share it.
struct AdapterWeights {
  std::vector<std::optional<Lora>> updates;

  const Lora* of(int64_t linear) const {
    const auto at = static_cast<size_t>(linear);
    return at < updates.size() && updates[at].has_value() ? &*updates[at] : nullptr;
  }
  int64_t bytes() const {
    size_t sum = 0;
    for (const auto& update : updates) {
      if (update) sum += update->lora_A.nbytes() + update->lora_B.nbytes();
    }
    return static_cast<int64_t>(sum);
  }
};

}  // namespace hone::model
