// Splits a loop over rows among the threads that libtorch uses (the same OpenMP runtime).
#pragma once
#include <omp.h>

#include <cstdint>

namespace hone::tensor {

/// Calls body(begin, end) for disjoint parts of [0, count), each a multiple of `grain` long except the
/// last. The split does not influence results: bodies write disjoint rows.
template <typename Body>
void parallel_rows(int64_t count, int64_t grain, const Body& body) {
  const int64_t parts = (count + grain - 1) / grain;
#pragma omp parallel for schedule(static) if (parts > 1)
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t begin = part * grain;
    body(begin, begin + grain < count ? begin + grain : count);
  }
}

/// Threads that parallel_tasks() runs on.
inline int64_t parallel_threads() {
  return omp_get_max_threads();
}

/// Calls body(task, thread) for tasks 0 … count-1 of uneven size, each taken by the next free thread.
template <typename Body>
void parallel_tasks(int64_t count, const Body& body) {
#pragma omp parallel for schedule(dynamic, 1) if (count > 1)
  for (int64_t task = 0; task < count; ++task) body(task, static_cast<int64_t>(omp_get_thread_num()));
}

}  // namespace hone::tensor
