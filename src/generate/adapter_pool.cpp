#include "generate/adapter_pool.h"

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "base/strings.h"

namespace hone::generate {

/// One load, which outlives its entry if that is published anew meanwhile.
struct Loading {
  bool done = false;
  AdapterPool::Adapter adapter;
  std::exception_ptr fault;
};

AdapterPool::AdapterPool(Load load, AdapterLimits limits) : load_(std::move(load)), limits_(limits) {}

void AdapterPool::forget(Entry& entry) {
  if (entry.adapter != nullptr) {
    --counts_.resident;
    counts_.resident_bytes -= entry.bytes;
  }
  entry.adapter = nullptr;
  entry.bytes = 0;
}

void AdapterPool::publish(const std::string& key, uint64_t version, const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] = entries_.try_emplace(key);
  if (!fresh && at->second.version == version && at->second.folder == folder) return;
  forget(at->second);
  at->second = Entry{.version = version, .folder = folder};
  counts_.published = entries_.size();
}

bool AdapterPool::withdraw(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  forget(found->second);
  entries_.erase(found);
  counts_.published = entries_.size();
  return true;
}

AdapterPool::Adapter AdapterPool::get(const std::string& key) {
  std::unique_lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    fail_input("model", "\"" + excerpt(key, 80) + "\" is no adapter that is served here", "list the models");
  }
  found->second.asked = ++clock_;
  if (found->second.adapter == nullptr) return wait_or_load(lock, key);
  ++counts_.hits;
  return found->second.adapter;
}

AdapterPool::Adapter AdapterPool::wait_or_load(std::unique_lock<std::mutex>& lock, const std::string& key) {
  Entry& entry = entries_.at(key);
  std::shared_ptr<Loading> loading = entry.loading;
  if (loading != nullptr) {
    loaded_.wait(lock, [&] { return loading->done; });
  } else {
    loading = entry.loading = std::make_shared<Loading>();
    const std::filesystem::path folder = entry.folder;
    lock.unlock();
    try {
      loading->adapter = load_(folder);
    } catch (...) {
      loading->fault = std::current_exception();
    }
    lock.lock();
    loading->done = true;
    ++(loading->fault ? counts_.failures : counts_.loads);
    // Where the key means something else by now, those who asked before get what they asked for, and it is not kept.
    if (const auto now = entries_.find(key); now != entries_.end() && now->second.loading == loading) {
      now->second.loading = nullptr;
      if (!loading->fault) {
        now->second.adapter = loading->adapter;
        now->second.bytes = loading->adapter->bytes();
        ++counts_.resident;
        counts_.resident_bytes += now->second.bytes;
        make_room();
      }
    }
    loaded_.notify_all();
  }
  if (loading->fault) std::rethrow_exception(loading->fault);
  return loading->adapter;
}

/// Called with the lock held: an adapter that the pool alone holds cannot find another owner meanwhile.
void AdapterPool::make_room() {
  const auto over = [&] { return counts_.resident > limits_.count || counts_.resident_bytes > limits_.bytes; };
  while (over()) {
    Entry* oldest = nullptr;
    for (auto& [key, entry] : entries_) {
      const bool cold = entry.adapter != nullptr && entry.adapter.use_count() == 1;
      if (cold && (oldest == nullptr || entry.asked < oldest->asked)) oldest = &entry;
    }
    if (oldest == nullptr) return;  // all are in use: the next load looks again
    forget(*oldest);
    ++counts_.evictions;
  }
}

AdapterCounts AdapterPool::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace hone::generate
