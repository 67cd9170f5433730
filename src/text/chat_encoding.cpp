#include "text/chat_encoding.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/strings.h"
#include "text/chat_turns.h"

namespace hone::text {
namespace {

void add_stop_ids(const std::filesystem::path& file, std::set<int32_t>& ids) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  const Json document = read_json(file);
  const auto found = document.is_object() ? document.find("eos_token_id") : document.end();
  if (!document.is_object() || found == document.end() || found->is_null()) return;
  for (const Json& id : found->is_array() ? *found : Json::array({*found})) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX) {
      fail_input(file.string() + ": eos_token_id",
                 "is " + excerpt(to_line(*found), 40) + ", expected an id or a list of ids",
                 "write the id of the token that ends an answer");
    }
    ids.insert(id.get<int32_t>());
  }
}

bool is_blank_text(std::string_view text) {
  return trim(text).empty();
}

}  // namespace

std::vector<int32_t> stop_ids_for(const std::filesystem::path& model_dir, const Tokenizer& tokenizer) {
  std::set<int32_t> ids;
  add_stop_ids(model_dir / "generation_config.json", ids);
  add_stop_ids(model_dir / "config.json", ids);
  if (tokenizer.eos_id()) ids.insert(*tokenizer.eos_id());
  return {ids.begin(), ids.end()};
}

struct ChatEncoder::Impl {
  Impl(const Tokenizer& given, std::string chat_template, std::vector<int32_t> stops, ChatEncodingOptions chosen)
      : tokenizer(given), stop_ids(std::move(stops)), options(chosen) {
    if (chat_template.empty()) chat_template = tokenizer.chat_template().value_or("");
    if (!chat_template.empty()) {
      parsed.emplace(chat_template);
      renderer.emplace(*parsed, tokenizer.bos_token(), tokenizer.eos_token());
    }
    // Asked of the tokenizer itself: no field of its files says so in all of them.
    const std::vector<int32_t> probe = tokenizer.encode("a", {.add_special_tokens = true});
    adds_bos = tokenizer.bos_id() && !probe.empty() && probe.front() == *tokenizer.bos_id();
  }

  const ChatRenderer& chat_renderer(const data::Example& example) const;
  Encoding tokenise(const std::string& rendering, const data::Example& example) const;
  void mark_turn(const RenderedChat& chat, const TurnSpan& span, const Encoding& encoding, const data::Example& example,
                 std::vector<uint8_t>& trained) const;
  void check_prompt(const RenderedChat& chat, const TurnSpan& span, const Encoding& encoding, size_t first,
                    const data::Example& example) const;
  size_t stop_of(const RenderedChat& chat, const TurnSpan& span, const Encoding& encoding, size_t first,
                 const data::Example& example) const;
  void limit_length(EncodedExample& encoded, const data::Example& example) const;
  EncodedExample encode_continuation(const data::Example& pair) const;
  bool is_stop(int32_t id) const { return std::binary_search(stop_ids.begin(), stop_ids.end(), id); }

  const Tokenizer& tokenizer;
  std::vector<int32_t> stop_ids;  // ascending
  ChatEncodingOptions options;
  std::optional<ChatTemplate> parsed;
  std::optional<ChatRenderer> renderer;
  bool adds_bos = false;
};

ChatEncoder::ChatEncoder(const Tokenizer& tokenizer, std::string chat_template, std::vector<int32_t> stop_ids,
                         ChatEncodingOptions options) {
  std::sort(stop_ids.begin(), stop_ids.end());
  impl_ = std::make_unique<Impl>(tokenizer, std::move(chat_template), std::move(stop_ids), options);
}
ChatEncoder::~ChatEncoder() = default;
ChatEncoder::ChatEncoder(ChatEncoder&&) noexcept = default;

const ChatRenderer& ChatEncoder::Impl::chat_renderer(const data::Example& example) const {
  if (!renderer) {
    fail_input(place_of(example), "a conversation, but the tokenizer has no chat template",
               "name a built-in template (data.chat_template: chatml), or train on raw text");
  }
  return *renderer;
}

/// The rendering's ids, with one BOS in front where the tokenizer wants one and the template wrote none.
Encoding ChatEncoder::Impl::tokenise(const std::string& rendering, const data::Example& example) const {
  Encoding encoding = tokenizer.encode_with_offsets(rendering);
  const std::optional<int32_t> bos = tokenizer.bos_id();
  const bool has_bos = bos && !encoding.ids.empty() && encoding.ids[0] == *bos;
  if (has_bos && encoding.ids.size() > 1 && encoding.ids[1] == *bos) {
    fail_input(place_of(example), "two BOS tokens (" + tokenizer.bos_token() + ") at the start of the rendering",
               "the template writes one: take it out of the text of the first turn");
  }
  if (adds_bos && !has_bos) {
    encoding.ids.insert(encoding.ids.begin(), *bos);
    encoding.tokens.insert(encoding.tokens.begin(), tokenizer.bos_token());
    encoding.offsets.insert(encoding.offsets.begin(), {0u, 0u});
  }
  return encoding;
}

EncodedExample ChatEncoder::encode(const data::Example& example) const {
  if (example.messages.empty()) return example.rejected ? impl_->encode_continuation(example) : encode_text(example);
  const RenderedChat chat = impl_->chat_renderer(example).render_with_turns(example);
  Encoding encoding = impl_->tokenise(chat.text, example);
  EncodedExample encoded;
  encoded.origin = example.origin;
  encoded.trained.assign(encoding.ids.size(), impl_->options.train_on_prompt ? 1 : 0);
  for (const TurnSpan& span : chat.spans) impl_->mark_turn(chat, span, encoding, example, encoded.trained);
  encoded.ids = std::move(encoding.ids);
  impl_->limit_length(encoded, example);
  return encoded;
}

void ChatEncoder::Impl::mark_turn(const RenderedChat& chat, const TurnSpan& span, const Encoding& encoding,
                                  const data::Example& example, std::vector<uint8_t>& trained) const {
  const auto& offsets = encoding.offsets;
  size_t first = 0;  // the first token of the answer
  while (first < offsets.size() && (offsets[first].first < span.prompt || offsets[first].second == 0)) ++first;
  check_prompt(chat, span, encoding, first, example);
  const size_t stop = stop_of(chat, span, encoding, first, example);
  std::fill(trained.begin() + static_cast<ptrdiff_t>(first), trained.begin() + static_cast<ptrdiff_t>(stop) + 1,
            uint8_t{1});
}

/// Generation starts from the prompt's own tokens: they must be the tokens training saw before the answer.
void ChatEncoder::Impl::check_prompt(const RenderedChat& chat, const TurnSpan& span, const Encoding& encoding,
                                     size_t first, const data::Example& example) const {
  const Encoding prompt = tokenise(chat.text.substr(0, span.prompt), example);
  const auto& ids = encoding.ids;
  if (prompt.ids.size() == first && std::equal(prompt.ids.begin(), prompt.ids.end(), ids.begin())) return;
  fail_turn(example, span.turn,
            "the answer's first characters and the prompt's last ones become one token, which generation could never "
            "produce",
            "remove white space at the beginning of the answer, or end the template's generation prompt differently");
}

/// The token on which generation of this turn stops. Between the answer and it only white space and special
/// tokens may stand, and after it nothing else of the turn.
size_t ChatEncoder::Impl::stop_of(const RenderedChat& chat, const TurnSpan& span, const Encoding& encoding,
                                  size_t first, const data::Example& example) const {
  // No structured binding: clang before 16 lets no lambda capture one.
  const auto& ids = encoding.ids;
  const auto& offsets = encoding.offsets;
  const auto is_filling = [&](size_t i) {
    return tokenizer.is_special(ids[i]) ||
           is_blank_text(std::string_view(chat.text).substr(offsets[i].first, offsets[i].second - offsets[i].first));
  };
  size_t stop = first;
  while (stop < ids.size() && !is_stop(ids[stop])) ++stop;
  size_t beyond = first;  // the first token past the turn's limit
  while (beyond < ids.size() && offsets[beyond].first < span.limit) ++beyond;
  for (size_t i = beyond; i < stop && i < ids.size(); ++i) {
    if (!is_filling(i)) stop = ids.size();
  }
  if (stop == ids.size()) {
    std::vector<std::string> names;
    for (const int32_t id : stop_ids) names.push_back(tokenizer.id_to_token(id));
    fail_turn(
        example, span.turn,
        "no token after the answer ends it, so the model would not learn to stop (it stops on: " +
            (names.empty() ? "nothing known" : join(names, ", ")) + ")",
        "let the template write one of these after an answer, or name the template's own in generation_config.json "
        "(eos_token_id)");
  }
  for (size_t i = stop + 1; i < beyond; ++i) {
    if (!is_filling(i)) {
      fail_turn(example, span.turn, "the answer itself holds " + encoding.tokens[stop] + ", on which generation stops",
                "remove it from the text");
    }
  }
  return stop;
}

void ChatEncoder::Impl::limit_length(EncodedExample& encoded, const data::Example& example) const {
  const std::string shorten = "raise data.max_length, or shorten the row";
  if (encoded.ids.size() > options.max_length) {
    const std::string message = format("%zu tokens, max_length is %u", encoded.ids.size(), options.max_length);
    if (options.on_too_long == OnTooLong::kError) fail_input(place_of(example), message, shorten);
    if (options.on_too_long == OnTooLong::kSkip)
      throw RejectedExample(ErrorKind::kInput, place_of(example), message, shorten);
    encoded.ids.resize(options.max_length);
    encoded.trained.resize(options.max_length);
    encoded.truncated = true;
  }
  // The first token has nothing before it from which it could be predicted.
  const auto from = encoded.trained.begin() + (encoded.trained.empty() ? 0 : 1);
  if (std::find(from, encoded.trained.end(), uint8_t{1}) != encoded.trained.end()) return;
  if (encoded.truncated) {
    throw RejectedExample(
        ErrorKind::kInput, place_of(example),
        format("the prompt alone fills max_length (%u tokens), so nothing is left to train on", options.max_length),
        shorten);
  }
  fail_input(place_of(example), "no token to train on", "give the row an assistant turn of weight 1, or more text");
}

std::string ChatEncoder::render_prompt(const data::Example& example) const {
  const bool answered = !example.messages.empty() && example.messages.back().role == "assistant";
  const size_t count = example.messages.size() - (answered ? 1 : 0);
  if (count == 0) fail_input(place_of(example), "no turn before the answer, so there is no prompt", "add a user turn");
  return impl_->chat_renderer(example).render(example, count, true);
}

std::vector<int32_t> ChatEncoder::encode_prompt(const data::Example& example) const {
  return impl_->tokenise(render_prompt(example), example).ids;
}

EncodedExample ChatEncoder::encode_text(const data::Example& example) const {
  EncodedExample encoded;
  encoded.origin = example.origin;
  if (impl_->adds_bos) encoded.ids.push_back(*impl_->tokenizer.bos_id());
  const auto ids = impl_->tokenizer.encode(example.text, {.parse_special_tokens = false});
  encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
  if (impl_->tokenizer.eos_id()) encoded.ids.push_back(*impl_->tokenizer.eos_id());
  encoded.trained.assign(encoded.ids.size(), 1);
  impl_->limit_length(encoded, example);
  return encoded;
}

/// Prompt and answer of a raw text. What the prompt alone is tokenised to must be its beginning: that is where
/// generation would start.
EncodedExample ChatEncoder::Impl::encode_continuation(const data::Example& pair) const {
  const EncodeOptions plain{.parse_special_tokens = false};
  const size_t shared = pair.rejected->shared;
  std::string text = pair.text;
  const std::string end = tokenizer.eos_token();
  if (!end.empty() && text.size() - shared >= end.size() && ends_with(text, end)) text.resize(text.size() - end.size());
  const std::vector<int32_t> prompt = tokenizer.encode(text.substr(0, shared), plain);
  const std::vector<int32_t> ids = tokenizer.encode(text, plain);
  if (ids.size() < prompt.size() || !std::equal(prompt.begin(), prompt.end(), ids.begin())) {
    fail_input(place_of(pair), "the answer's first characters and the prompt's last ones become one token",
               "move white space from the end of the prompt to the beginning of both answers, or use messages");
  }
  EncodedExample encoded;
  encoded.origin = pair.origin;
  if (adds_bos) encoded.ids.push_back(*tokenizer.bos_id());
  encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
  const size_t first = encoded.ids.size() - (ids.size() - prompt.size());
  if (tokenizer.eos_id()) encoded.ids.push_back(*tokenizer.eos_id());
  encoded.trained.assign(encoded.ids.size(), 1);
  if (!options.train_on_prompt) std::fill_n(encoded.trained.begin(), first, uint8_t{0});
  limit_length(encoded, pair);
  return encoded;
}

std::vector<EncodedExample> ChatEncoder::encode_branches(const data::Example& example) const {
  if (!example.rejected) return {encode(example)};
  std::vector<EncodedExample> pair{encode(example), encode(data::rejected_branch(example))};
  const EncodedExample &chosen = pair[0], &rejected = pair[1];
  const auto prompt_of = [](const EncodedExample& branch) {
    return std::find(branch.trained.begin(), branch.trained.end(), uint8_t{1}) - branch.trained.begin();
  };
  const auto prompt = std::min(prompt_of(chosen), prompt_of(rejected));
  if (!std::equal(chosen.ids.begin(), chosen.ids.begin() + prompt, rejected.ids.begin())) {
    fail_input(place_of(example),
               "the prompt is rendered or tokenised differently before the chosen and the rejected answer",
               "use a chat template that writes the turns before an answer without looking at it");
  }
  if (chosen.ids != rejected.ids) return pair;
  if (chosen.truncated) {
    throw RejectedExample(ErrorKind::kInput, place_of(example),
                          format("cut at max_length (%u tokens), both answers are the same", impl_->options.max_length),
                          "raise data.max_length, or shorten the row");
  }
  fail_input(place_of(example), "both answers come to the same tokens",
             "drop the pair, or let them differ in more than "
             "what the template or the tokenizer takes away");
}

int64_t trained_targets(const EncodedExample& example) {
  return example.trained.empty() ? 0 : std::count(example.trained.begin() + 1, example.trained.end(), uint8_t{1});
}

void append_targets(const EncodedExample& example, int64_t ignore, std::vector<int64_t>& targets) {
  for (size_t next = 1; next <= example.ids.size(); ++next) {
    targets.push_back(next < example.ids.size() && example.trained[next] != 0 ? example.ids[next] : ignore);
  }
}

}  // namespace hone::text
