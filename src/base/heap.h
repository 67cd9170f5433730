// Memory for large blocks that come and go, such as tensors. A training step takes and gives back the same sizes again
// and again, in an order that leaves malloc's heap full of holes, and mapping each afresh costs a page fault for every
// 4 KiB. Here freed memory is kept and handed out again, best fit first, and joined with its neighbours; but never more
// of it than was in use at once: before new pages are touched, as many unused ones are given back to the system. So the
// process grows to the most that its blocks ever took together, and no further.
#pragma once
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace hone {

/// May be used by several threads at once.
class Heap {
 public:
  /// At least `bytes`, aligned to a page, not initialised; null when the system has no more.
  void* allocate(size_t bytes);
  /// False where `data` is not what allocate() returned, or no longer.
  bool free(void* data);

  size_t live() const;     ///< bytes handed out, in whole pages
  size_t peak() const;     ///< the most of them so far
  size_t touched() const;  ///< of live blocks, and of free ones whose pages have not been given back: an upper bound

 private:
  struct Block {
    size_t size = 0;
    size_t dirty_begin = 0, dirty_end = 0;  ///< in a free block: where pages may have been touched
    bool free = false;
    size_t dirty() const { return dirty_end - dirty_begin; }
  };
  using Blocks = std::map<char*, Block>;

  bool grow(size_t bytes);
  void insert_free(Blocks::iterator block);
  void erase_free(Blocks::iterator block);
  void join(Blocks::iterator first, Blocks::iterator second);
  void give_back(size_t bytes);

  mutable std::mutex mutex_;
  Blocks blocks_;  ///< all, by address
  std::set<std::pair<size_t, char*>> free_;
  size_t live_ = 0, peak_ = 0, dirty_ = 0;  ///< dirty_: of free blocks
};

}  // namespace hone
