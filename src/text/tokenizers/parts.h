// The five kinds of parts a tokenizer.json is made of, each behind a small interface. A part is one file
// in the folder of its kind and one line in that folder's .def list; registry.cpp gathers them.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "text/tokenizer.h"
#include "text/tokenizers/aligned_text.h"

namespace hone::text {

/// Rewrites text before anything is cut: NFC, lower case, "▁" for blanks.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

/// Cuts text into the pieces that the model sees one at a time.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(PieceList& list) const = 0;
  /// True when its last act is to turn bytes into printable characters (ByteLevel). The model then
  /// reads raw bytes instead, and apply() leaves that act out when it is called with it switched off.
  virtual bool ends_in_byte_level() const { return false; }
  virtual void leave_bytes_raw() {}
  /// True when the result depends on where in the original a piece begins.
  virtual bool needs_origins() const { return false; }
};

/// What a model makes of a piece: `length` is the number of the piece's bytes that the token covers, the next
/// ones in order; 0 stands for the bytes of the token before it (byte tokens of one unknown stretch).
struct ModelToken {
  int32_t id = 0;
  uint32_t length = 0;
};

/// Working memory of one encoding thread: buffers that are reused, caches.
struct ModelScratch {
  virtual ~ModelScratch() = default;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual std::unique_ptr<ModelScratch> make_scratch() const = 0;
  /// Appends the tokens of `piece` (valid UTF-8, or raw bytes of such where raw_bytes was set).
  virtual void tokenize(std::string_view piece, ModelScratch& scratch, std::vector<ModelToken>& out) const = 0;
  virtual size_t vocab_size() const = 0;
  virtual std::optional<int32_t> token_to_id(std::string_view token) const = 0;
  /// The token of `id`, or a view with data() == nullptr when there is none.
  virtual std::string_view id_to_token(int32_t id) const = 0;
  /// One past the largest id.
  virtual int32_t id_limit() const = 0;
  /// The id whose tokens are shown as the text that they cover (the unknown token of Unigram), or -1.
  virtual int32_t shown_as_text() const { return -1; }
};

/// The "model" section of a tokenizer.json. Views live as long as the loading of the file.
struct ModelSpec {
  std::string type;
  std::vector<std::pair<std::string_view, int32_t>> vocab;
  std::vector<double> scores;  ///< one a vocab entry for models whose vocabulary is a list (Unigram)
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  const Json* options = nullptr;  ///< everything else of the section
  std::string place;              ///< file and field, for messages
  bool raw_bytes = false;         ///< pieces come as raw bytes: vocabulary spelled in ByteLevel's characters
};

/// What a post-processor works by. Without offsets, only the ids of an encoding are filled.
struct PostProcessing {
  bool add_special_tokens = false;
  bool with_offsets = false;
  std::string_view text;  ///< the original that offsets point into
};

/// Adds special tokens, trims offsets.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual void apply(Encoding& encoding, const PostProcessing& how) const = 0;
};

/// Turns token strings into text step by step; the last result is joined.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
  /// True for the plain byte-level decoder, for which there is a quicker way.
  virtual bool is_byte_level() const { return false; }
  /// The most bytes that can come out for one that goes in; what multiplies too much is refused.
  virtual double growth() const { return 1; }
  /// True when a token alone may not say what it stands for (byte tokens of ByteFallback).
  virtual bool joins_byte_tokens() const { return false; }
};

/// Makers get the part's JSON object and its place in the file, e.g. "tokenizer.json: normalizer".
template <typename Part>
using PartMaker = std::unique_ptr<Part> (*)(const Json& spec, const std::string& place);
template <typename Part>
using PartRegistry = Registry<PartMaker<Part>>;
using ModelMaker = std::unique_ptr<Model> (*)(const ModelSpec& spec);

const PartRegistry<Normalizer>& normalizers();
const PartRegistry<PreTokenizer>& pre_tokenizers();
const PartRegistry<PostProcessor>& post_processors();
const PartRegistry<Decoder>& decoders();
const Registry<ModelMaker>& models();

/// Builds a part from its JSON; null for a JSON null. Faults throw Error at `place`.
std::unique_ptr<Normalizer> make_normalizer(const Json& spec, const std::string& place);
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& spec, const std::string& place);
std::unique_ptr<PostProcessor> make_post_processor(const Json& spec, const std::string& place);
std::unique_ptr<Decoder> make_decoder(const Json& spec, const std::string& place);

}  // namespace hone::text
