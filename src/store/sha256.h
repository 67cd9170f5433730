// SHA-256 (FIPS 180-4), for content that others may have chosen; base/hash.h is faster where nobody attacks.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace hone::store {

/// For content that comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  /// 64 hexadecimal digits in lower case; nothing can be added afterwards.
  std::string digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view bytes);
/// Reads in pieces; throws Error for a file that is missing, unreadable, a link or no regular file.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace hone::store
