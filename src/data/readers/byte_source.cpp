#include "data/readers/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "data/value.h"

namespace hone::data {
namespace {

constexpr size_t kFirstWindow = size_t{1} << 20;

}  // namespace

ByteSource::ByteSource(const std::filesystem::path& path) : name_(path.string()) {
  if (name_ == "-") {
    name_ = "standard input";
    descriptor_ = STDIN_FILENO;
  } else {
    require_exists(path, "file");
    if (std::filesystem::is_directory(path)) fail_input(name_, "is a folder, expected a file");
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_input(name_, std::string("cannot be opened: ") + std::strerror(errno));
    owned_ = true;
  }
  buffer_.resize(kFirstWindow + JsonParser::kPadding);
  check_beginning();
}

ByteSource::ByteSource(std::string content, std::string name) : name_(std::move(name)), at_end_(true) {
  buffer_.assign(content.begin(), content.end());
  end_ = buffer_.size();
  buffer_.resize(end_ + JsonParser::kPadding);
  check_beginning();
}

ByteSource::~ByteSource() {
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(other.owned_),
      at_end_(other.at_end_),
      buffer_(std::move(other.buffer_)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      position_(other.position_),
      line_(other.line_) {}

bool ByteSource::fill() {
  if (at_end_) return false;
  const size_t capacity = buffer_.size() - JsonParser::kPadding;
  if (begin_ > 0 && end_ - begin_ <= capacity / 2) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  } else if (end_ == capacity) {
    buffer_.resize(2 * capacity + JsonParser::kPadding);
  }
  while (true) {
    const size_t room = buffer_.size() - JsonParser::kPadding - end_;
    const ssize_t count = ::read(descriptor_, buffer_.data() + end_, room);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_work(name_, std::string("cannot be read: ") + std::strerror(errno));
    at_end_ = count == 0;
    end_ += static_cast<size_t>(count);
    return !at_end_;
  }
}

void ByteSource::skip(size_t count) {
  const char* from = buffer_.data() + begin_;
  line_ += static_cast<uint64_t>(std::count(from, from + count, '\n'));
  begin_ += count;
  position_ += count;
}

void ByteSource::check_beginning() {
  while (window().size() < 4 && fill()) {
  }
  const std::string_view head = window();
  const std::string convert = "convert it first: iconv -f UTF-16 -t UTF-8 FILE > NEW";
  if (starts_with(head, "\xEF\xBB\xBF"))
    skip(3);
  else if (starts_with(head, "\xFF\xFE") || starts_with(head, "\xFE\xFF"))
    fail_input(name_, "is UTF-16, expected UTF-8", convert);
  else if (starts_with(head, "\x1F\x8B"))
    fail_input(name_, "is compressed (gzip)", "unpack it: gunzip FILE, or gunzip -c FILE | hone … -");
  else if (starts_with(head, "\x28\xB5\x2F\xFD"))
    fail_input(name_, "is compressed (zstd)", "unpack it: unzstd FILE");
  else if (starts_with(head, "PK\x03\x04"))
    fail_input(name_, "is a ZIP archive (or an Excel or Word file)", "export it as CSV or JSONL in UTF-8");
  else if (starts_with(head, "PAR1"))
    fail_input(name_, "is a Parquet file", "export it as JSONL");
}

}  // namespace hone::data
