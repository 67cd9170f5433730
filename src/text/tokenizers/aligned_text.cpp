#include "text/tokenizers/aligned_text.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/strings.h"

namespace hone::text {
namespace {

constexpr size_t kMostGrowth = 256;
constexpr size_t kSpareGrowth = size_t{1} << 20;

void require_within(size_t size, size_t limit) {
  if (size > limit) {
    fail_input(
        "tokenizer",
        "the normalised text passes " + with_commas(static_cast<long long>(limit)) + " bytes, the limit for this text",
        "cut the text into shorter parts; if it is short, the tokenizer's normalizer multiplies it");
  }
}

}  // namespace

void AlignedText::reset(std::string_view original, uint32_t shift, bool track) {
  original_ = original;
  shift_ = shift;
  track_ = track;
  limit_ = std::min(size_t{std::numeric_limits<uint32_t>::max()}, original.size() * kMostGrowth + kSpareGrowth);
  owned_ = false;
  storage_.clear();
  origins_.clear();
}

ByteRange AlignedText::origin_of_byte(size_t at) const {
  if (owned_) return origins_[at];
  size_t start = at;
  while (start > 0 && (static_cast<unsigned char>(original_[start]) & 0xC0) == 0x80) --start;
  const size_t end = start + utf8_length(static_cast<unsigned char>(original_[start]));
  return {shift_ + static_cast<uint32_t>(start), shift_ + static_cast<uint32_t>(end)};
}

ByteRange AlignedText::origin(size_t begin, size_t end) const {
  return {origin_of_byte(begin).begin, origin_of_byte(end - 1).end};
}

void AlignedText::require_room(size_t characters) const {
  require_within(characters, limit_);
}

void AlignedText::rewrite(std::span<const Change> changes, size_t skipped) {
  const std::string_view source = view();
  std::string out;
  std::vector<ByteRange> origins;
  out.reserve(source.size() + 16);
  size_t at = 0;
  const auto advance = [&] {
    if (at < source.size()) at += utf8_length(static_cast<unsigned char>(source[at]));
  };
  for (size_t i = 0; i < skipped; ++i) advance();
  for (const Change& change : changes) {
    const size_t before = out.size();
    append_utf8(out, change.code);
    if (!track_) continue;
    ByteRange origin{shift_, shift_};
    if (change.change > 0) {
      if (at > 0) origin = origin_of_byte(at - 1);
    } else if (at < source.size()) {
      origin = origin_of_byte(at);
    }
    origins.insert(origins.end(), out.size() - before, origin);
    for (int i = change.change; i <= 0; ++i) advance();
  }
  require_within(out.size(), limit_);
  storage_ = std::move(out);
  origins_ = std::move(origins);
  owned_ = true;
}

void AlignedText::Rewriter::put_aligned(std::string_view bytes, ByteRange origin) {
  require_within(out_.size() + bytes.size(), text_.limit_);
  out_.append(bytes);
  if (text_.track_) origins_.insert(origins_.end(), bytes.size(), origin);
}

void AlignedText::Rewriter::copy(size_t at, size_t count) {
  require_within(out_.size() + count, text_.limit_);
  out_.append(source_.substr(at, count));
  if (!text_.track_) return;
  if (text_.owned_) {
    const auto first = text_.origins_.begin() + static_cast<std::ptrdiff_t>(at);
    origins_.insert(origins_.end(), first, first + static_cast<std::ptrdiff_t>(count));
    return;
  }
  for (size_t i = 0; i < count; ++i) origins_.push_back(text_.origin_of_byte(at + i));
}

void AlignedText::Rewriter::put(std::string_view bytes, size_t at) {
  put_aligned(bytes, text_.track_ ? text_.origin_of_byte(at) : ByteRange{});
}

void AlignedText::Rewriter::insert(std::string_view bytes, size_t at) {
  put_aligned(bytes, !text_.track_ ? ByteRange{}
                     : at > 0      ? text_.origin_of_byte(at - 1)
                                   : ByteRange{text_.shift_, text_.shift_});
}

void AlignedText::Rewriter::commit() {
  text_.storage_ = std::move(out_);
  text_.origins_ = std::move(origins_);
  text_.owned_ = true;
}

}  // namespace hone::text
