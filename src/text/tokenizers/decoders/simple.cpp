// The decoders that edit tokens one by one, and Fuse.
#include "text/tokenizers/json_fields.h"
#include "text/tokenizers/metaspace.h"
#include "text/tokenizers/parts.h"
#include "text/tokenizers/pattern.h"

namespace hone::text {
namespace {

class Fuse : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, all);
  }
};

class ReplaceDecoder : public Decoder {
 public:
  ReplaceDecoder(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<Match> matches;
    for (std::string& token : tokens) {
      matches.clear();
      pattern_->find(token, matches);
      if (matches.empty() || (matches.size() == 1 && !matches[0].matched)) continue;
      std::string out;
      for (const Match& match : matches) {
        out += match.matched ? std::string_view(content_)
                             : std::string_view(token).substr(match.begin, match.end - match.begin);
      }
      token = std::move(out);
    }
  }
  /// A match may be empty, so that the content stands beside every byte.
  double growth() const override { return 1 + static_cast<double>(content_.size()); }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

/// Removes up to `start` and `stop` copies of a character at the ends of every token.
class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string content, uint64_t start, uint64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (uint64_t i = 0; i < start_ && rest.starts_with(content_); ++i) rest.remove_prefix(content_.size());
      for (uint64_t i = 0; i < stop_ && rest.ends_with(content_); ++i) rest.remove_suffix(content_.size());
      if (rest.size() != token.size()) token = std::string(rest);
    }
  }

 private:
  std::string content_;
  uint64_t start_, stop_;
};

class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(MetaspaceOptions options) : options_(std::move(options)) {}
  void apply(std::vector<std::string>& tokens) const override {
    const bool drop_first = options_.prepend != MetaspaceOptions::Prepend::kNever;
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string out;
      for (size_t at = 0; at < tokens[i].size();) {
        const size_t mark = std::min(tokens[i].find(options_.replacement, at), tokens[i].size());
        out.append(tokens[i], at, mark - at);
        if (mark < tokens[i].size() && !(i == 0 && drop_first)) out += ' ';
        at = mark + options_.replacement.size();
      }
      tokens[i] = std::move(out);
    }
  }

 private:
  MetaspaceOptions options_;
};

class SuffixDecoder : public Decoder {
 public:
  explicit SuffixDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const char* blank = i + 1 < tokens.size() ? " " : "";
      for (size_t at = tokens[i].find(suffix_); at != std::string::npos && !suffix_.empty();
           at = tokens[i].find(suffix_, at + std::char_traits<char>::length(blank))) {
        tokens[i].replace(at, suffix_.size(), blank);
      }
    }
  }

 private:
  std::string suffix_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder_Fuse(const Json&, const std::string&) {
  return std::make_unique<Fuse>();
}

std::unique_ptr<Decoder> make_decoder_Replace(const Json& spec, const std::string& place) {
  if (!spec.contains("pattern")) fail_input(place, "lacks the field \"pattern\"");
  return std::make_unique<ReplaceDecoder>(make_pattern(spec["pattern"], place + ".pattern"),
                                          field<std::string>(spec, "content", place));
}

std::unique_ptr<Decoder> make_decoder_Strip(const Json& spec, const std::string& place) {
  return std::make_unique<StripDecoder>(character_field(spec, "content", place), field<uint64_t>(spec, "start", place),
                                        field<uint64_t>(spec, "stop", place));
}

std::unique_ptr<Decoder> make_decoder_Metaspace(const Json& spec, const std::string& place) {
  return std::make_unique<MetaspaceDecoder>(metaspace_options(spec, place));
}

std::unique_ptr<Decoder> make_decoder_BPEDecoder(const Json& spec, const std::string& place) {
  return std::make_unique<SuffixDecoder>(field_or<std::string>(spec, "suffix", "</w>", place));
}

}  // namespace hone::text
