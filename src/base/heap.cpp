#include "base/heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

namespace hone {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kRegion = size_t{256} << 20;  // address space that is taken at a time

size_t round_up(size_t bytes, size_t to) {
  return (bytes + to - 1) / to * to;
}

}  // namespace

void* Heap::allocate(size_t bytes) {
  const size_t size = round_up(std::max<size_t>(bytes, 1), kPage);
  const std::lock_guard lock(mutex_);
  auto fit = free_.lower_bound({size, nullptr});
  if (fit == free_.end()) {
    if (!grow(size)) return nullptr;
    fit = free_.lower_bound({size, nullptr});
  }
  const auto block = blocks_.find(fit->second);
  erase_free(block);
  Block& taken = block->second;
  taken.free = false;
  if (taken.size > size) {  // the rest stays free, with what was touched of it
    const auto rest = blocks_.emplace(block->first + size, Block{.size = taken.size - size}).first;
    rest->second.dirty_begin = std::max(taken.dirty_begin, size) - size;
    rest->second.dirty_end = std::max(taken.dirty_end, size) - size;
    taken.size = size;
    insert_free(rest);
  }
  live_ += size;
  peak_ = std::max(peak_, live_);
  if (live_ + dirty_ > peak_) give_back(live_ + dirty_ - peak_);
  return block->first;
}

bool Heap::free(void* data) {
  const std::lock_guard lock(mutex_);
  const auto block = blocks_.find(static_cast<char*>(data));
  if (block == blocks_.end() || block->second.free) return false;
  live_ -= block->second.size;
  block->second.dirty_begin = 0;
  block->second.dirty_end = block->second.size;
  insert_free(block);
  if (const auto next = std::next(block); next != blocks_.end()) join(block, next);
  if (block != blocks_.begin()) join(std::prev(block), block);
  return true;
}

size_t Heap::live() const {
  const std::lock_guard lock(mutex_);
  return live_;
}
size_t Heap::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}
size_t Heap::touched() const {
  const std::lock_guard lock(mutex_);
  return live_ + dirty_;
}

/// A further stretch of address space that holds `bytes`; false when there is none.
bool Heap::grow(size_t bytes) {
  for (const size_t size : {round_up(bytes, kRegion), bytes}) {
    void* region = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) continue;
    ::madvise(region, size, MADV_HUGEPAGE);  // a wish: fewer faults when pages are touched first
    const auto block = blocks_.emplace(static_cast<char*>(region), Block{.size = size}).first;
    insert_free(block);
    return true;
  }
  return false;
}

void Heap::insert_free(Blocks::iterator block) {
  block->second.free = true;
  dirty_ += block->second.dirty();
  free_.emplace(block->second.size, block->first);
}

void Heap::erase_free(Blocks::iterator block) {
  dirty_ -= block->second.dirty();
  free_.erase({block->second.size, block->first});
}

/// Two neighbours become one if both are free. What lies between touched pages counts as touched.
void Heap::join(Blocks::iterator first, Blocks::iterator second) {
  if (!first->second.free || !second->second.free || first->first + first->second.size != second->first) return;
  erase_free(first);
  erase_free(second);
  Block &a = first->second, &b = second->second;
  if (b.dirty() > 0) {
    a.dirty_begin = a.dirty() > 0 ? a.dirty_begin : a.size + b.dirty_begin;
    a.dirty_end = a.size + b.dirty_end;
  }
  a.size += b.size;
  blocks_.erase(second);
  insert_free(first);
}

/// Gives pages of free blocks back to the system, those of the largest first, until it is `bytes` or all.
void Heap::give_back(size_t bytes) {
  for (auto it = free_.rbegin(); it != free_.rend() && bytes > 0; ++it) {
    Block& block = blocks_.find(it->second)->second;
    if (block.dirty() == 0) continue;
    const size_t size = std::min(round_up(bytes, kPage), block.dirty());
    ::madvise(it->second + block.dirty_end - size, size, MADV_DONTNEED);
    block.dirty_end -= size;
    if (block.dirty() == 0) block.dirty_begin = block.dirty_end = 0;
    dirty_ -= size;
    bytes -= std::min(bytes, size);
  }
}

}  // namespace hone
