// Token strings and their ids, both ways.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace hone::text {

/// An open-addressing map from strings to ids. The strings are not copied: they must outlive the map.
class StringMap {
 public:
  void reserve(size_t count);
  /// The last insertion of a key wins.
  void insert(std::string_view key, int32_t value);
  /// The value of `key`, or -1.
  int32_t find(std::string_view key) const;
  size_t size() const { return size_; }

 private:
  struct Slot {
    const char* data = nullptr;
    uint32_t size = 0;
    int32_t value = -1;
    uint64_t hash = 0;
  };
  Slot& slot_of(std::vector<Slot>& slots, std::string_view key, uint64_t hash) const;
  std::vector<Slot> slots_;
  size_t size_ = 0;
};

/// Ids are not negative and below kIdLimit; holes are allowed, unless there are many more than tokens.
class Vocabulary {
 public:
  static constexpr int32_t kIdLimit = 1 << 24;

  /// `entries` are copied. A bad id throws at `place`.
  Vocabulary(const std::vector<std::pair<std::string_view, int32_t>>& entries, const std::string& place);
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  int32_t id(std::string_view token) const { return map_.find(token); }
  /// A view with data() == nullptr when there is none.
  std::string_view token(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < tokens_.size() ? tokens_[static_cast<size_t>(id)] : std::string_view();
  }
  /// Number of distinct tokens.
  size_t size() const { return map_.size(); }
  int32_t id_limit() const { return static_cast<int32_t>(tokens_.size()); }

 private:
  std::string arena_;
  std::vector<std::string_view> tokens_;  // by id
  StringMap map_;
};

}  // namespace hone::text
