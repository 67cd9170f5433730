// Text on its way from what the user wrote to what the model reads, and the way back: every byte knows
// which bytes of the original it stands for. Alignments follow the reference library's rules, so that
// token offsets agree with it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode.h"

namespace hone::text {

/// One character of a rewritten text. `change` says how it relates to the characters before: 0 replaces
/// the next one, 1 is new (it shares the alignment of what stands before it), -n replaces the next one
/// and swallows n more.
struct Change {
  uint32_t code = 0;
  int change = 0;
};

/// A rewrite that would make the text several hundred times longer throws Error: a chain of replacements in
/// a hostile file could otherwise fill the memory.
class AlignedText {
 public:
  /// Starts as `original` itself, which must outlive this object until the first rewrite. `shift` is
  /// where `original` begins in the whole text. Without `track`, origins are not kept and must not be asked.
  void reset(std::string_view original, uint32_t shift, bool track);

  std::string_view view() const { return owned_ ? std::string_view(storage_) : original_; }
  size_t size() const { return view().size(); }
  bool tracks() const { return track_; }

  /// The bytes of the whole original text that bytes [begin, end) of view() came from; begin < end.
  ByteRange origin(size_t begin, size_t end) const;

  /// Replaces the whole text by `changes`, the first `skipped` characters being dropped beforehand.
  void rewrite(std::span<const Change> changes, size_t skipped = 0);

  /// Throws Error when a rewrite to so many characters would be refused: for rewrites that take memory before.
  void require_room(size_t characters) const;

  /// Builds a new text piece by piece; used where most of it is copied.
  class Rewriter;

 private:
  friend class Rewriter;
  ByteRange origin_of_byte(size_t at) const;

  std::string_view original_;
  std::string storage_;
  std::vector<ByteRange> origins_;  // one a byte of storage_, absolute; empty while !owned_ or untracked
  uint32_t shift_ = 0;
  size_t limit_ = 0;  // bytes that the text may grow to
  bool owned_ = false, track_ = false;
};

class AlignedText::Rewriter {
 public:
  explicit Rewriter(AlignedText& text) : text_(text), source_(text.view()) { out_.reserve(source_.size() + 16); }
  /// Copies source bytes [at, at + count).
  void copy(size_t at, size_t count);
  /// Writes `bytes` with the alignment of source byte `at`.
  void put(std::string_view bytes, size_t at);
  /// Writes `bytes` as characters that are new before source byte `at` (see Change, 1).
  void insert(std::string_view bytes, size_t at);
  size_t size() const { return out_.size(); }
  void commit();

 private:
  void put_aligned(std::string_view bytes, ByteRange origin);
  AlignedText& text_;
  std::string_view source_;
  std::string out_;
  std::vector<ByteRange> origins_;
};

/// A text and the pieces it has been cut into; what no piece covers is dropped. Pieces are not empty.
struct PieceList {
  AlignedText text;
  std::vector<ByteRange> pieces;

  std::string_view view(ByteRange piece) const { return text.view().substr(piece.begin, piece.end - piece.begin); }
};

}  // namespace hone::text
