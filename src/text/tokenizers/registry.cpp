#include <nlohmann/json.hpp>

#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/parts.h"

namespace hone::text {

#define NORMALIZER(name, summary) std::unique_ptr<Normalizer> make_normalizer_##name(const Json&, const std::string&);
#include "text/tokenizers/normalizers/normalizers.def"
#undef NORMALIZER
#define PRE_TOKENIZER(name, summary) \
  std::unique_ptr<PreTokenizer> make_pre_tokenizer_##name(const Json&, const std::string&);
#include "text/tokenizers/pre_tokenizers/pre_tokenizers.def"
#undef PRE_TOKENIZER
#define POST_PROCESSOR(name, summary) \
  std::unique_ptr<PostProcessor> make_post_processor_##name(const Json&, const std::string&);
#include "text/tokenizers/post_processors/post_processors.def"
#undef POST_PROCESSOR
#define DECODER(name, summary) std::unique_ptr<Decoder> make_decoder_##name(const Json&, const std::string&);
#include "text/tokenizers/decoders/decoders.def"
#undef DECODER
#define MODEL(name, summary) std::unique_ptr<Model> make_model_##name(const ModelSpec&);
#include "text/tokenizers/models/models.def"
#undef MODEL

const PartRegistry<Normalizer>& normalizers() {
  static const PartRegistry<Normalizer> all = [] {
    PartRegistry<Normalizer> r("normalizer");
#define NORMALIZER(name, summary) r.add({#name, summary, make_normalizer_##name});
#include "text/tokenizers/normalizers/normalizers.def"
#undef NORMALIZER
    return r;
  }();
  return all;
}

const PartRegistry<PreTokenizer>& pre_tokenizers() {
  static const PartRegistry<PreTokenizer> all = [] {
    PartRegistry<PreTokenizer> r("pre-tokenizer");
#define PRE_TOKENIZER(name, summary) r.add({#name, summary, make_pre_tokenizer_##name});
#include "text/tokenizers/pre_tokenizers/pre_tokenizers.def"
#undef PRE_TOKENIZER
    return r;
  }();
  return all;
}

const PartRegistry<PostProcessor>& post_processors() {
  static const PartRegistry<PostProcessor> all = [] {
    PartRegistry<PostProcessor> r("post-processor");
#define POST_PROCESSOR(name, summary) r.add({#name, summary, make_post_processor_##name});
#include "text/tokenizers/post_processors/post_processors.def"
#undef POST_PROCESSOR
    return r;
  }();
  return all;
}

const PartRegistry<Decoder>& decoders() {
  static const PartRegistry<Decoder> all = [] {
    PartRegistry<Decoder> r("decoder");
#define DECODER(name, summary) r.add({#name, summary, make_decoder_##name});
#include "text/tokenizers/decoders/decoders.def"
#undef DECODER
    return r;
  }();
  return all;
}

const Registry<ModelMaker>& models() {
  static const Registry<ModelMaker> all = [] {
    Registry<ModelMaker> r("tokenizer model");
#define MODEL(name, summary) r.add({#name, summary, make_model_##name});
#include "text/tokenizers/models/models.def"
#undef MODEL
    return r;
  }();
  return all;
}

namespace {

template <typename Part>
std::unique_ptr<Part> make_part(const PartRegistry<Part>& registry, const Json& spec, const std::string& place) {
  if (spec.is_null()) return nullptr;
  const std::string type = field<std::string>(spec, "type", place);
  return registry.at(type, place).make(spec, place + " (" + type + ")");
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& spec, const std::string& place) {
  return make_part(normalizers(), spec, place);
}
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& spec, const std::string& place) {
  return make_part(pre_tokenizers(), spec, place);
}
std::unique_ptr<PostProcessor> make_post_processor(const Json& spec, const std::string& place) {
  return make_part(post_processors(), spec, place);
}
std::unique_ptr<Decoder> make_decoder(const Json& spec, const std::string& place) {
  constexpr double kMostGrowth = 1e6;
  auto decoder = make_part(decoders(), spec, place);
  if (decoder && decoder->growth() > kMostGrowth) {
    fail_input(place, "its replacements could make text more than a million times longer");
  }
  return decoder;
}

}  // namespace hone::text
