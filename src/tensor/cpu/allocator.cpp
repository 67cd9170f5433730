#include "tensor/cpu/allocator.h"

#include <c10/core/CPUAllocator.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/heap.h"

namespace hone::tensor::cpu {
namespace {

constexpr size_t kLarge = size_t{64} << 10;  // smaller tensors are malloc's

Heap& heap() {
  static Heap* const forever = new Heap;  // tensors may outlive everything else
  return *forever;
}

/// Of what either made: libtorch wants one function for all.
void release(void* data) {
  const bool at_page = reinterpret_cast<uintptr_t>(data) % 4096 == 0;  // as all of the heap's and few of malloc's
  if (!at_page || !heap().free(data)) c10::GetDefaultCPUAllocator()->raw_deallocate(data);
}

struct HeapAllocator : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes >= kLarge ? heap().allocate(bytes) : nullptr;
    // Without it the default one says what could not be had.
    if (data == nullptr) data = c10::GetDefaultCPUAllocator()->raw_allocate(bytes);
    return {data, data, release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

}  // namespace

void use_heap() {
#ifndef __SANITIZE_ADDRESS__  // which finds faults in what malloc hands out
  const char* asked = std::getenv("HONE_ALLOCATOR");
  if (asked != nullptr && std::strcmp(asked, "malloc") == 0) return;
  c10::SetCPUAllocator(new HeapAllocator, /*priority=*/1);
#endif
}

}  // namespace hone::tensor::cpu
