#include "text/tokenizers/vocabulary.h"

#include <bit>

#include "base/error.h"
#include "base/strings.h"

namespace hone::text {
namespace {

constexpr size_t kMostHoles = 16;
constexpr size_t kSpareHoles = size_t{1} << 16;

}  // namespace

StringMap::Slot& StringMap::slot_of(std::vector<Slot>& slots, std::string_view key, uint64_t hash) const {
  const size_t mask = slots.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots[i];
    if (slot.data == nullptr || (slot.hash == hash && std::string_view(slot.data, slot.size) == key)) return slot;
  }
}

void StringMap::reserve(size_t count) {
  const size_t wanted = std::bit_ceil(count * 2 + 2);
  if (wanted <= slots_.size()) return;
  std::vector<Slot> grown(wanted);
  for (const Slot& slot : slots_) {
    if (slot.data) slot_of(grown, {slot.data, slot.size}, slot.hash) = slot;
  }
  slots_ = std::move(grown);
}

void StringMap::insert(std::string_view key, int32_t value) {
  reserve(size_ + 1);
  const uint64_t hash = hash64(key);
  Slot& slot = slot_of(slots_, key, hash);
  if (slot.data == nullptr) ++size_;
  // An empty key still needs a pointer, for nullptr marks a free slot.
  slot = {key.data() ? key.data() : "", static_cast<uint32_t>(key.size()), value, hash};
}

int32_t StringMap::find(std::string_view key) const {
  if (slots_.empty()) return -1;
  const uint64_t hash = hash64(key);
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.data == nullptr) return -1;
    if (slot.hash == hash && std::string_view(slot.data, slot.size) == key) return slot.value;
  }
}

Vocabulary::Vocabulary(const std::vector<std::pair<std::string_view, int32_t>>& entries, const std::string& place) {
  size_t bytes = 0;
  int32_t limit = 0;
  for (const auto& [token, id] : entries) {
    if (id < 0 || id >= kIdLimit) {
      fail_input(place, format("the token \"%s\" has the id %d, ids lie between 0 and %d", excerpt(token, 40).c_str(),
                               id, kIdLimit - 1));
    }
    bytes += token.size();
    limit = std::max(limit, id + 1);
  }
  if (static_cast<size_t>(limit) > entries.size() * kMostHoles + kSpareHoles) {
    fail_input(place, format("the largest id is %d, but there are only %zu tokens", limit - 1, entries.size()),
               "this vocabulary is damaged: ids count from 0");
  }
  arena_.reserve(bytes + 1);  // never grown below, so that views into it stay valid
  tokens_.resize(static_cast<size_t>(limit));
  map_.reserve(entries.size());
  for (const auto& [token, id] : entries) {
    const char* start = arena_.data() + arena_.size();
    arena_.append(token);
    const std::string_view kept(start, token.size());
    tokens_[static_cast<size_t>(id)] = kept;
    map_.insert(kept, id);
  }
}

}  // namespace hone::text
