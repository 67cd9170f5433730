#include "store/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace hone::store {
namespace {

void require(int result) {
  if (result != 1) fail_work("SHA-256", "OpenSSL refused to compute it", "check the installation of libcrypto");
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  Context() = default;
  ~Context() { EVP_MD_CTX_free(handle); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(context_->handle != nullptr ? EVP_DigestInit_ex(context_->handle, EVP_sha256(), nullptr) : 0);
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size()));
}

std::string Sha256::digest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_->handle, bytes.data(), &size));
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  require_exists(path, "file");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) fail_input(path.string(), std::string("cannot be opened: ") + std::strerror(errno));
  const std::unique_ptr<const int, void (*)(const int*)> closes(&descriptor, [](const int* open) { ::close(*open); });
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) fail_input(path.string(), "is not a regular file");
  Sha256 hash;
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_input(path.string(), std::string("cannot be read: ") + std::strerror(errno));
    if (count == 0) return hash.digest();
    hash.update({buffer.data(), static_cast<size_t>(count)});
  }
}

}  // namespace hone::store
