// Which adapters lie in memory: any number are known by name, as many as fit are held, and the one that was asked for
// longest ago gives way, unless an answer still uses it.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "model/adapter_weights.h"

namespace hone::generate {

struct Loading;

struct AdapterLimits {
  size_t count = 64;  ///< held at once
  int64_t bytes = int64_t{2} << 30;
};

struct AdapterCounts {
  size_t published = 0, resident = 0;
  int64_t resident_bytes = 0;
  uint64_t loads = 0, hits = 0, evictions = 0, failures = 0;
};

/// May be used by several threads at once. An adapter that is handed out lives as long as somebody holds it, whatever
/// the pool does.
class AdapterPool {
 public:
  using Adapter = std::shared_ptr<const model::AdapterWeights>;
  /// From its folder, never null; throws Error. Called by the thread that asks, without the pool being held.
  using Load = std::function<Adapter(const std::filesystem::path& folder)>;

  AdapterPool(Load load, AdapterLimits limits = {});

  /// From now on `key` means this version, which lies in `folder`; it is loaded when it is first asked for. Those who
  /// hold another version keep it. The same version again changes nothing.
  void publish(const std::string& key, uint64_t version, const std::filesystem::path& folder);
  /// `key` means nothing any more. False if it never did.
  bool withdraw(const std::string& key);
  /// The version that `key` means now. Several threads that ask for a cold one wait for a single load. An unknown key
  /// throws Error(kInput); so does a load that fails, to all that waited for it, and the next call tries again.
  Adapter get(const std::string& key);
  AdapterCounts counts() const;

 private:
  struct Entry {
    uint64_t version = 0;
    std::filesystem::path folder;
    Adapter adapter;  ///< null while cold
    int64_t bytes = 0;
    uint64_t asked = 0;                ///< when last, by clock_
    std::shared_ptr<Loading> loading;  ///< by whom somebody is loading it
  };

  Adapter wait_or_load(std::unique_lock<std::mutex>& lock, const std::string& key);
  void forget(Entry& entry);
  void make_room();

  Load load_;
  AdapterLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  std::map<std::string, Entry> entries_;
  uint64_t clock_ = 0;
  AdapterCounts counts_;
};

}  // namespace hone::generate
