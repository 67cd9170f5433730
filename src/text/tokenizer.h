// Text to token ids and back, from the tokenizer.json that ships with a model (Hugging Face's
// format). Start here: Tokenizer::load(folder), encode(), decode(). Thread-safe once loaded.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone::text {

struct EncodeOptions {
  /// Run the post-processor (BOS, EOS, [CLS] … as the tokenizer's template says).
  bool add_special_tokens = false;
  /// When false, special tokens written in the text are plain text: what untrusted text should get.
  bool parse_special_tokens = true;
};

struct DecodeOptions {
  bool skip_special_tokens = false;
};

/// offsets[i] is the half-open range of bytes in the original text that gave ids[i]; an added token
/// such as BOS has {0, 0}.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<std::string> tokens;
  std::vector<std::pair<uint32_t, uint32_t>> offsets;
};

class Tokenizer {
 public:
  /// `path` is a tokenizer.json or a folder holding one; tokenizer_config.json, special_tokens_map.json
  /// and chat_template.jinja beside it are read when there. Faults throw Error naming file and field.
  static Tokenizer load(const std::filesystem::path& path);
  /// The same from a tokenizer.json in memory; `source` names it in messages.
  static Tokenizer parse(std::string_view document, const std::string& source = "tokenizer.json");
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  std::vector<int32_t> encode(std::string_view text, EncodeOptions options = {}) const;
  Encoding encode_with_offsets(std::string_view text, EncodeOptions options = {}) const;
  /// Ids outside the vocabulary are skipped, as the reference does.
  std::string decode(std::span<const int32_t> ids, DecodeOptions options = {}) const;

  /// Number of ids, added tokens included.
  size_t vocab_size() const;
  /// One past the largest id: the rows an embedding needs.
  int32_t id_limit() const;
  std::optional<int32_t> token_to_id(std::string_view token) const;
  /// The token as it stands in the vocabulary ("Ġworld", "▁world"), "" for an unknown id.
  std::string id_to_token(int32_t id) const;
  bool is_special(int32_t id) const;
  /// The bytes that `id` adds in the middle of a text, which may be parts of a character; "" for added tokens
  /// and for tokenizers without a decoder.
  std::string bytes_of(int32_t id) const;

  /// From tokenizer_config.json or special_tokens_map.json, when given there.
  std::optional<int32_t> bos_id() const;
  std::optional<int32_t> eos_id() const;
  std::optional<int32_t> pad_id() const;
  std::optional<int32_t> unk_id() const;
  /// The text of those tokens, "" when there is none; chat templates read them.
  std::string bos_token() const;
  std::string eos_token() const;
  /// The model's own chat template (chat_template.jinja wins over tokenizer_config.json).
  std::optional<std::string> chat_template() const;

 private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Decodes a growing sequence: push() returns the text that has become final, holding back bytes
/// that may still be the first half of a character. flush() returns the rest. All of it together is
/// decode() of all ids, with one exception: byte tokens (<0xE2>) are shown as soon as they make whole
/// characters, while decode() turns a run of them into U+FFFD when broken bytes follow in the run.
class StreamDecoder {
 public:
  /// `tokenizer` must outlive this object.
  explicit StreamDecoder(const Tokenizer& tokenizer, DecodeOptions options = {.skip_special_tokens = true});
  std::string push(int32_t id);
  std::string flush();

 private:
  std::string take(bool all);
  const Tokenizer& tokenizer_;
  DecodeOptions options_;
  std::vector<int32_t> ids_;  // from some way before the first id whose text is not out yet
  size_t shown_ = 0;          // of ids_, those whose text is out
  std::string pending_;       // byte-level tokenizers: bytes that are not out yet
};

}  // namespace hone::text
