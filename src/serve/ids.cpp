#include "serve/ids.h"

#include <sys/random.h>

#include <array>
#include <ctime>

#include "base/error.h"

namespace hone::serve {

std::string random_letters(int count) {
  constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  constexpr unsigned kCount = sizeof kLetters - 1, kFair = 256 / kCount * kCount;  // beyond: some would come more often
  std::string text;
  while (static_cast<int>(text.size()) < count) {
    std::array<unsigned char, 32> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      fail_work("random numbers", "the system gave none");
    }
    for (const unsigned char byte : bytes) {
      if (byte < kFair && static_cast<int>(text.size()) < count) text += kLetters[byte % kCount];
    }
  }
  return text;
}

std::string new_id(const char* prefix) {
  return prefix + random_letters(24);
}

int64_t unix_now() {
  return static_cast<int64_t>(std::time(nullptr));
}

}  // namespace hone::serve
