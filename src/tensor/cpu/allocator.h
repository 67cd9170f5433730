// Whose memory libtorch's tensors on the CPU are.
#pragma once

namespace hone::tensor::cpu {

/// From now on large ones come from a Heap (base/heap.h) of this process; with HONE_ALLOCATOR=malloc in the environment
/// they stay malloc's, to compare. Call it once, before the first tensor.
void use_heap();

}  // namespace hone::tensor::cpu
