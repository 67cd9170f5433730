// The tensor type of the project: libtorch's, under our name. Headers that only pass tensors along
// include this; sources name the operators they call from <ATen/ops/…> (see the style guide on
// compile time). Shape letters: B sequences, T tokens of one, N packed tokens, D hidden, H heads,
// K key/value heads, F feed-forward width, V vocabulary, r rank.
#pragma once
#include <ATen/core/Tensor.h>

namespace hone {

using Tensor = at::Tensor;

}  // namespace hone
