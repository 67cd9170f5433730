// Names that nobody can guess: "ftjob-" and 24 letters and digits from the system's random source.
#pragma once
#include <cstdint>
#include <string>

namespace hone::serve {

std::string random_letters(int count);
std::string new_id(const char* prefix);
/// Seconds since 1970, as the API gives times.
int64_t unix_now();

}  // namespace hone::serve
