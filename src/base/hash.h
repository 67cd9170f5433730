// Fast non-cryptographic hashes for fingerprints, splits and caches (XXH3).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

/// XXH3-64 of the bytes; the same on every machine.
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);
/// XXH3-128 as 32 hexadecimal digits, for content fingerprints.
std::string fingerprint(std::string_view bytes);

}  // namespace hone
