#include "text/tokenizers/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace hone::text {

void TokenTrie::add(std::string_view text, uint32_t value) {
  if (text.empty()) return;
  starts_[static_cast<unsigned char>(text[0])] = true;
  uint32_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    auto& children = nodes_[node].children;
    const auto it = std::lower_bound(children.begin(), children.end(), std::pair<unsigned char, uint32_t>{byte, 0});
    if (it != children.end() && it->first == byte) {
      node = it->second;
    } else {
      const auto fresh = static_cast<uint32_t>(nodes_.size());
      children.insert(it, {byte, fresh});
      nodes_.emplace_back();
      node = fresh;
    }
  }
  // Of two tokens that look the same, the one that was added first is found.
  if (nodes_[node].value == kNone) nodes_[node].value = value;
}

bool TokenTrie::match(std::string_view text, size_t at, uint32_t& value, size_t& end) const {
  bool found = false;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto& children = nodes_[node].children;
    const auto it = std::lower_bound(children.begin(), children.end(), std::pair<unsigned char, uint32_t>{byte, 0});
    if (it == children.end() || it->first != byte) break;
    node = it->second;
    if (nodes_[node].value != kNone) {
      found = true;
      value = nodes_[node].value;
      end = i + 1;
    }
  }
  return found;
}

size_t TokenTrie::candidate(std::string_view text, size_t at) const {
  while (at < text.size() && !starts_[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer) {
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    const auto known = by_content_.find(token.content);
    if (known != by_content_.end()) {
      tokens_[known->second] = std::move(token);
    } else {
      by_content_.emplace(token.content, static_cast<uint32_t>(tokens_.size()));
      tokens_.push_back(std::move(token));
    }
  }
  for (uint32_t i = 0; i < tokens_.size(); ++i) by_id_[tokens_[i].id] = i;
  for (AddedToken& token : tokens_) {
    token.shown = token.content;
    if (!token.normalized || !normalizer) continue;
    AlignedText text;
    text.reset(token.content, 0, false);
    normalizer->apply(text);
    token.shown = text.view();
  }
  // Special tokens first: it decides between tokens that are the same once normalised.
  for (const bool special : {true, false}) {
    for (uint32_t i = 0; i < tokens_.size(); ++i) {
      const AddedToken& token = tokens_[i];
      if (token.special == special) (token.normalized ? normalized_ : raw_).add(token.shown, i);
    }
  }
}

void AddedTokens::find(std::string_view text, bool in_normalized, bool special, std::vector<Segment>& out) const {
  const TokenTrie& trie = in_normalized ? normalized_ : raw_;
  size_t done = 0, at = 0;
  while (!trie.empty() && (at = trie.candidate(text, at)) < text.size()) {
    uint32_t index = 0;
    size_t end = 0;
    if (!trie.match(text, at, index, end)) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[index];
    size_t begin = at, stop = end, start;
    at = end;  // a match hides what lies inside it, also when it is not used
    if (token.special && !special) continue;
    if (token.single_word) {
      if (begin > 0 && is_word(code_before(text, begin, start))) continue;
      size_t next = stop;
      if (stop < text.size() && is_word(next_code(text, next))) continue;
    }
    if (token.lstrip) {
      while (begin > 0 && is_space(code_before(text, begin, start))) begin = start;
      begin = std::max(begin, std::min(done, end));
    }
    for (size_t next = stop; token.rstrip && stop < text.size() && is_space(next_code(text, next)); stop = next) {
    }
    if (done < begin) out.push_back({done, begin, nullptr});
    out.push_back({begin, stop, &token});
    done = stop;
  }
  if (done < text.size()) out.push_back({done, text.size(), nullptr});
}

const AddedToken* AddedTokens::by_id(int32_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::by_content(std::string_view content) const {
  const auto it = by_content_.find(content);
  return it == by_content_.end() ? nullptr : &tokens_[it->second];
}

}  // namespace hone::text
