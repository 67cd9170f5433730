#include "text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include "base/file.h"
#include "base/strings.h"
#include "text/tokenizers/bert_folder.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/tokenizer_config.h"
#include "text/tokenizers/tokenizer_json.h"

namespace hone::text {
namespace {

constexpr size_t kLongestText = size_t{1} << 30;

/// Working memory of one call; kept for the next, for a cache that starts empty is no cache.
struct Scratch {
  std::unique_ptr<ModelScratch> model;
  PieceList list;
  std::string repaired;
  std::vector<ByteRange> repaired_origins;
  std::vector<AddedTokens::Segment> raw_segments, segments;
  std::vector<ModelToken> tokens;
};

}  // namespace

struct Tokenizer::Impl {
  TokenizerParts parts;
  std::unique_ptr<AddedTokens> added;
  TokenizerConfig config;
  int32_t id_limit = 0;
  size_t vocab_size = 0;
  bool needs_origins = false;

  explicit Impl(TokenizerParts given);

  /// Fills ids, and with `track` tokens and offsets.
  void encode(std::string_view text, EncodeOptions options, bool track, Encoding& out);
  void encode_segment(std::string_view text, uint32_t shift, bool special, Scratch& scratch, bool track, Encoding& out);
  void encode_plain(Scratch& scratch, ByteRange part, bool track, Encoding& out);
  void emit_added(const AddedToken& token, std::string_view text, ByteRange origin, bool track, Encoding& out) const;
  std::string decode_bytes(std::span<const int32_t> ids, DecodeOptions options) const;
  std::string_view token_of(int32_t id) const;
  bool skips(std::string_view token, DecodeOptions options) const;

  std::unique_ptr<Scratch> take_scratch();
  void give_back(std::unique_ptr<Scratch> scratch);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> idle_;
};

Tokenizer::Impl::Impl(TokenizerParts given) : parts(std::move(given)) {
  added = std::make_unique<AddedTokens>(std::move(parts.added_tokens), parts.normalizer.get());
  id_limit = parts.model->id_limit();
  vocab_size = parts.model->vocab_size();
  for (const AddedToken& token : added->tokens()) {
    id_limit = std::max(id_limit, token.id + 1);
    if (!parts.model->token_to_id(token.content)) ++vocab_size;
  }
  needs_origins = parts.pre_tokenizer && parts.pre_tokenizer->needs_origins();
}

std::unique_ptr<Scratch> Tokenizer::Impl::take_scratch() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto scratch = std::move(idle_.back());
      idle_.pop_back();
      return scratch;
    }
  }
  auto scratch = std::make_unique<Scratch>();
  scratch->model = parts.model->make_scratch();
  return scratch;
}

void Tokenizer::Impl::give_back(std::unique_ptr<Scratch> scratch) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(scratch));
}

void Tokenizer::Impl::encode(std::string_view text, EncodeOptions options, bool track, Encoding& out) {
  if (text.size() > kLongestText) {
    fail_input(
        "tokenizer",
        format("the text has %s, %s is the most for one call", human_bytes(static_cast<double>(text.size())).c_str(),
               human_bytes(static_cast<double>(kLongestText)).c_str()),
        "cut the text into shorter parts, e.g. at line ends");
  }
  auto scratch = take_scratch();
  scratch->repaired_origins.clear();
  if (valid_utf8_prefix(text) != text.size()) {
    scratch->repaired.clear();
    append_repaired(scratch->repaired, text, track ? &scratch->repaired_origins : nullptr);
    text = scratch->repaired;
  }
  scratch->raw_segments.clear();
  added->find(text, false, options.parse_special_tokens, scratch->raw_segments);
  for (const AddedTokens::Segment& segment : scratch->raw_segments) {
    const std::string_view part = text.substr(segment.begin, segment.end - segment.begin);
    const auto begin = static_cast<uint32_t>(segment.begin), end = static_cast<uint32_t>(segment.end);
    if (segment.token) {
      emit_added(*segment.token, part, {begin, end}, track, out);
    } else {
      encode_segment(part, begin, options.parse_special_tokens, *scratch, track, out);
    }
  }
  if (parts.post_processor) parts.post_processor->apply(out, {options.add_special_tokens, track, text});
  if (track && !scratch->repaired_origins.empty()) {
    const std::vector<ByteRange>& origins = scratch->repaired_origins;
    for (auto& [begin, end] : out.offsets) {
      if (begin == end) {
        begin = end = begin < origins.size() ? origins[begin].begin : origins.back().end;
      } else {
        end = origins[end - 1].end;
        begin = origins[begin].begin;
      }
    }
  }
  give_back(std::move(scratch));
}

void Tokenizer::Impl::encode_segment(std::string_view text, uint32_t shift, bool special, Scratch& scratch, bool track,
                                     Encoding& out) {
  AlignedText& aligned = scratch.list.text;
  aligned.reset(text, shift, track || needs_origins);
  if (parts.normalizer) parts.normalizer->apply(aligned);
  const auto size = static_cast<uint32_t>(aligned.size());
  if (!added->any(true)) {
    encode_plain(scratch, {0, size}, track, out);
    return;
  }
  scratch.segments.clear();
  added->find(aligned.view(), true, special, scratch.segments);
  // Pre-tokenizers rewrite the text they are given; the segments must outlive that.
  const bool several = scratch.segments.size() > 1;
  const AlignedText normalized = several ? aligned : AlignedText();
  for (size_t i = 0; i < scratch.segments.size(); ++i) {
    const AddedTokens::Segment segment = scratch.segments[i];
    if (several && i > 0) aligned = normalized;
    const ByteRange part{static_cast<uint32_t>(segment.begin), static_cast<uint32_t>(segment.end)};
    if (segment.token) {
      emit_added(*segment.token, aligned.view().substr(part.begin, part.end - part.begin),
                 track ? aligned.origin(part.begin, part.end) : ByteRange{}, track, out);
    } else {
      encode_plain(scratch, part, track, out);
    }
  }
}

void Tokenizer::Impl::encode_plain(Scratch& scratch, ByteRange part, bool track, Encoding& out) {
  PieceList& list = scratch.list;
  list.pieces.clear();
  if (part.begin < part.end) list.pieces.push_back(part);
  if (parts.pre_tokenizer) parts.pre_tokenizer->apply(list);
  for (const ByteRange piece : list.pieces) {
    scratch.tokens.clear();
    const std::string_view view = list.view(piece);
    parts.model->tokenize(view, *scratch.model, scratch.tokens);
    ByteRange covered{piece.begin, piece.begin};
    for (const ModelToken& token : scratch.tokens) {
      out.ids.push_back(token.id);
      if (!track) continue;
      // Unknown characters that were dropped leave the lengths short, never long.
      if (token.length > 0) covered = {covered.end, std::min(covered.end + token.length, piece.end)};
      const bool any = covered.begin < covered.end;
      const ByteRange origin = any ? list.text.origin(covered.begin, covered.end) : ByteRange{covered.end, covered.end};
      out.offsets.emplace_back(origin.begin, origin.end);
      const bool as_text = token.id == parts.model->shown_as_text();
      out.tokens.emplace_back(as_text ? list.text.view().substr(covered.begin, covered.end - covered.begin)
                                      : parts.model->id_to_token(token.id));
    }
  }
}

void Tokenizer::Impl::emit_added(const AddedToken& token, std::string_view text, ByteRange origin, bool track,
                                 Encoding& out) const {
  out.ids.push_back(token.id);
  if (!track) return;
  out.tokens.emplace_back(text);
  out.offsets.emplace_back(origin.begin, origin.end);
}

std::string_view Tokenizer::Impl::token_of(int32_t id) const {
  if (const AddedToken* token = added->by_id(id)) return token->shown;
  return parts.model->id_to_token(id);
}

/// As in the reference, it is the shown string that decides: a special token that normalising changed
/// is not recognised.
bool Tokenizer::Impl::skips(std::string_view token, DecodeOptions options) const {
  if (!options.skip_special_tokens) return false;
  const AddedToken* known = added->by_content(token);
  return known && known->special;
}

std::string Tokenizer::Impl::decode_bytes(std::span<const int32_t> ids, DecodeOptions options) const {
  std::string bytes;
  for (const int32_t id : ids) {
    const std::string_view token = token_of(id);
    if (token.data() == nullptr || skips(token, options)) continue;
    if (!append_spelled_bytes(bytes, token)) bytes += token;
  }
  return bytes;
}

namespace {

/// Says of a folder with a tokenizer in another form how it gets a tokenizer.json.
void refuse_other_formats(const std::filesystem::path& folder) {
  for (const char* name : {"spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "merges.txt"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    fail_input((folder / "tokenizer.json").string(), std::string("does not exist; ") + name + " is not read",
               "make one: python -c \"from transformers import AutoTokenizer as A; A.from_pretrained('" +
                   folder.string() + "').save_pretrained('" + folder.string() + "')\"");
  }
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  const std::filesystem::path file = is_folder ? path / "tokenizer.json" : path;
  if (is_folder && !std::filesystem::exists(file)) {
    if (std::filesystem::exists(path / "vocab.txt")) {
      Tokenizer out(std::make_unique<Impl>(read_bert_folder(path)));
      out.impl_->config = read_tokenizer_config(path);
      return out;
    }
    refuse_other_formats(path);
  }
  require_exists(file, "tokenizer");
  const MappedFile document(file);
  Tokenizer out = parse(document.view(), file.string());
  out.impl_->config = read_tokenizer_config(file.parent_path());
  return out;
}

Tokenizer Tokenizer::parse(std::string_view document, const std::string& source) {
  return Tokenizer(std::make_unique<Impl>(read_tokenizer_json(document, source)));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  Encoding out;
  out.ids.reserve(text.size() / 3);
  impl_->encode(text, options, false, out);
  return std::move(out.ids);
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, EncodeOptions options) const {
  Encoding out;
  impl_->encode(text, options, true, out);
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, DecodeOptions options) const {
  const Impl& impl = *impl_;
  if (impl.parts.decoder && impl.parts.decoder->is_byte_level()) {
    std::string bytes = impl.decode_bytes(ids, options);
    if (valid_utf8_prefix(bytes) == bytes.size()) return bytes;
    std::string text;
    append_repaired(text, bytes);
    return text;
  }
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    const std::string_view token = impl.token_of(id);
    if (token.data() != nullptr && !impl.skips(token, options)) tokens.emplace_back(token);
  }
  if (!impl.parts.decoder) return join(tokens, " ");
  impl.parts.decoder->apply(tokens);
  return join(tokens, "");
}

size_t Tokenizer::vocab_size() const {
  return impl_->vocab_size;
}
int32_t Tokenizer::id_limit() const {
  return impl_->id_limit;
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const AddedToken* added = impl_->added->by_content(token)) return added->id;
  return impl_->parts.model->token_to_id(token);
}

std::string Tokenizer::id_to_token(int32_t id) const {
  return std::string(impl_->token_of(id));
}

bool Tokenizer::is_special(int32_t id) const {
  const AddedToken* token = impl_->added->by_id(id);
  return token && token->special;
}

std::string Tokenizer::bytes_of(int32_t id) const {
  const Decoder* decoder = impl_->parts.decoder.get();
  const std::string_view token = impl_->parts.model->id_to_token(id);
  if (token.data() == nullptr || !decoder || impl_->added->by_id(id)) return "";
  std::string bytes;
  if (decoder->is_byte_level()) {
    if (!append_spelled_bytes(bytes, token)) bytes = token;
    return bytes;
  }
  if (const int byte = byte_of_token(token); byte >= 0 && decoder->joins_byte_tokens()) {
    return {static_cast<char>(byte)};
  }
  // Neighbours keep away what is done to the ends of a text.
  std::vector<std::string> tokens{"a", std::string(token), "a"};
  decoder->apply(tokens);
  const std::string text = join(tokens, "");
  return text.size() > 2 && text.front() == 'a' && text.back() == 'a' ? text.substr(1, text.size() - 2) : "";
}

namespace {

std::optional<int32_t> named(const Tokenizer& tokenizer, const std::string& token) {
  return token.empty() ? std::nullopt : tokenizer.token_to_id(token);
}

}  // namespace

std::optional<int32_t> Tokenizer::bos_id() const {
  return named(*this, impl_->config.bos);
}
std::optional<int32_t> Tokenizer::eos_id() const {
  return named(*this, impl_->config.eos);
}
std::optional<int32_t> Tokenizer::pad_id() const {
  return named(*this, impl_->config.pad);
}
std::optional<int32_t> Tokenizer::unk_id() const {
  return named(*this, impl_->config.unk);
}
std::string Tokenizer::bos_token() const {
  return impl_->config.bos;
}
std::string Tokenizer::eos_token() const {
  return impl_->config.eos;
}
std::optional<std::string> Tokenizer::chat_template() const {
  return impl_->config.chat_template;
}

namespace {

constexpr size_t kMostHeldBack = 16;  // ids; a run of broken byte tokens is not waited for any longer

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, DecodeOptions options)
    : tokenizer_(tokenizer), options_(options) {}

std::string StreamDecoder::push(int32_t id) {
  const Tokenizer::Impl& impl = *tokenizer_.impl_;
  if (impl.parts.decoder && impl.parts.decoder->is_byte_level()) {
    pending_ += impl.decode_bytes({&id, 1}, options_);
    const size_t ready = pending_.size() - unfinished_utf8_suffix(pending_);
    std::string text;
    append_repaired(text, std::string_view(pending_).substr(0, ready));
    pending_.erase(0, ready);
    return text;
  }
  ids_.push_back(id);
  return take(false);
}

std::string StreamDecoder::flush() {
  if (pending_.empty()) return take(true);
  std::string text;
  append_repaired(text, pending_);
  pending_.clear();
  return text;
}

/// Decodes the ids whose text is out, and all of them: what the second has more is new. The ids that are
/// out give the context (whether a blank stands at the beginning of the text).
std::string StreamDecoder::take(bool all) {
  if (shown_ == ids_.size()) return "";
  const std::span<const int32_t> ids(ids_);
  const std::string before = tokenizer_.decode(ids.first(shown_), options_);
  std::string now = tokenizer_.decode(ids, options_);
  const bool unsure = ends_with(now, "\xEF\xBF\xBD") && ids_.size() - shown_ < kMostHeldBack;
  if (unsure && !all) return "";
  // A run of byte tokens that breaks after parts of it were shown changes what was shown.
  std::string fresh =
      starts_with(now, before) ? now.substr(before.size()) : tokenizer_.decode(ids.subspan(shown_), options_);
  if (!fresh.empty()) ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(shown_));
  shown_ = ids_.size();
  return fresh;
}

}  // namespace hone::text
