// Remembers the tokens of short pieces: text repeats its words, and a look-up is cheaper than merging.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/tokenizers/parts.h"

namespace hone::text {

/// Direct-mapped: a new piece replaces the one in its slot. Not for use by two threads at once.
class PieceCache {
 public:
  static constexpr size_t kLongestPiece = 30, kMostTokens = 16, kSlots = 1 << 14;

  PieceCache() : slots_(kSlots) {}

  /// Non-zero; 0 marks a free slot.
  static uint64_t hash(std::string_view piece) {
    uint64_t state = 0x2545F4914F6CDD1Du ^ piece.size();
    size_t left = piece.size();
    const char* at = piece.data();
    const auto mix = [&](uint64_t word) {
      state = (state ^ word) * 0x9E3779B97F4A7C15u;
      state ^= state >> 32;
    };
    for (; left >= 8; left -= 8, at += 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      mix(word);
    }
    uint64_t word = 0;
    std::memcpy(&word, at, left);
    mix(word);
    return state | 1;
  }

  /// Appends the tokens of `piece` if they are known.
  bool find(std::string_view piece, uint64_t hash, std::vector<ModelToken>& out) const {
    const Slot& slot = slots_[hash >> 8 & (kSlots - 1)];
    if (slot.hash != hash || slot.size != piece.size() || std::memcmp(slot.key, piece.data(), piece.size()) != 0) {
      return false;
    }
    for (size_t i = 0; i < slot.count; ++i) out.push_back({slot.ids[i], slot.lengths[i]});
    return true;
  }

  void store(std::string_view piece, uint64_t hash, const ModelToken* tokens, size_t count) {
    if (count > kMostTokens) return;
    Slot& slot = slots_[hash >> 8 & (kSlots - 1)];
    slot.hash = hash;
    slot.size = static_cast<uint8_t>(piece.size());
    slot.count = static_cast<uint8_t>(count);
    std::memcpy(slot.key, piece.data(), piece.size());
    for (size_t i = 0; i < count; ++i) {
      slot.ids[i] = tokens[i].id;
      slot.lengths[i] = static_cast<uint8_t>(tokens[i].length);
    }
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    uint8_t size = 0, count = 0;
    char key[kLongestPiece];
    int32_t ids[kMostTokens];
    uint8_t lengths[kMostTokens];
  };
  std::vector<Slot> slots_;
};

}  // namespace hone::text
