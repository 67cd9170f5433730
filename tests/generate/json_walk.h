// Random answers under a constraint, token by token: what a model without any sense would write.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "generate/constraints/json.h"

namespace hone::generate {

struct Walk {
  std::string text;
  size_t tokens = 0;
  bool ended = false;  ///< false: the limit came first
};

/// Chooses among the allowed tokens; half of the time, and always after half of `limit`, one that ends or closes
/// something, if there is one. Throws std::logic_error where no token is allowed, or a stop token alone without
/// may_end().
inline Walk random_walk(Constraint& constraint, const TokenTrie& trie, int32_t stop, size_t vocabulary,
                        std::mt19937_64& random, size_t limit = 600) {
  Walk walk;
  std::vector<float> logits(vocabulary);
  for (; walk.tokens < limit; ++walk.tokens) {
    std::fill(logits.begin(), logits.end(), 0.0F);
    constraint.mask(logits);
    std::vector<int32_t> allowed, closing;
    for (size_t i = 0; i < vocabulary; ++i) {
      if (std::isinf(logits[i])) continue;
      const auto id = static_cast<int32_t>(i);
      allowed.push_back(id);
      const std::string_view bytes = trie.bytes(id);
      if (id == stop || bytes == "\"" || bytes == "}" || bytes == "]") closing.push_back(id);
    }
    const bool stop_allowed = !std::isinf(logits[static_cast<size_t>(stop)]);
    if (allowed.empty()) throw std::logic_error("no token may follow: " + walk.text);
    if (stop_allowed != constraint.may_end()) throw std::logic_error("may_end() and the mask disagree: " + walk.text);
    if (constraint.finished() != (allowed.size() == 1 && stop_allowed)) {
      throw std::logic_error("finished() and the mask disagree: " + walk.text);
    }
    const bool close = !closing.empty() && (walk.tokens > limit / 2 || random() % 2 == 0);
    const std::vector<int32_t>& among = close ? closing : allowed;
    const int32_t token = among[random() % among.size()];
    constraint.accept(token);
    if (token == stop) {
      walk.ended = true;
      return walk;
    }
    walk.text += trie.bytes(token);
  }
  return walk;
}

}  // namespace hone::generate
