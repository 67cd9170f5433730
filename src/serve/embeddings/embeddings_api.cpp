#include "serve/embeddings/embeddings_api.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/embeddings/base64.h"
#include "serve/fields.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "serve/token_ids.h"

namespace hone::serve {
namespace {

constexpr size_t kMostInputs = 2048, kMostTokens = 300'000;  // of one request, as at OpenAI

/// What `input` says: a text, a list of texts, a list of ids, or a list of lists of ids. Ids are taken as they are;
/// texts get the tokens that the model's template puts around them.
class InputReader {
 public:
  explicit InputReader(const EmbeddingHost& host) : host_(host) {}

  EmbeddingHost::Sequences read(const Fields& fields) {
    const Json* input = fields.find("input");
    if (input == nullptr) fields.missing("input");
    if (input->is_string()) {
      add_text(*input);
    } else if (input->is_array() && !input->empty() && input->size() <= kMostInputs) {
      if (input->front().is_number())
        add_ids(*input);
      else
        for (const Json& one : *input) add(one);
    } else {
      refuse(format("Invalid 'input': expected a string, tokens, or an array of 1 to %zu of them.", kMostInputs),
             "input", "invalid_value");
    }
    return std::move(sequences_);
  }
  size_t tokens() const { return tokens_; }

 private:
  void add(const Json& one) {
    if (one.is_string()) return add_text(one);
    if (one.is_array()) return add_ids(one);
    refuse("Invalid type for 'input': expected a string or an array of strings or of tokens.", "input", "invalid_type");
  }

  void add_text(const std::string& text) {
    if (text.empty()) refuse("Invalid 'input': input cannot be an empty string.", "input", "empty_string");
    take(host_.tokenizer().encode(text, {.add_special_tokens = true, .parse_special_tokens = false}));
  }

  void add_ids(const Json& list) { take(read_token_ids(list, host_.vocab_size(), "input")); }

  void take(std::vector<int32_t> ids) {
    if (ids.empty()) refuse("Invalid 'input': it has no tokens.", "input", "empty_string");
    if (static_cast<int64_t>(ids.size()) > host_.max_length()) {
      refuse(format("This model's maximum context length is %ld tokens, however you requested %zu tokens. Please "
                    "reduce your prompt.",
                    host_.max_length(), ids.size()),
             "input", "context_length_exceeded");
    }
    tokens_ += ids.size();
    if (tokens_ > kMostTokens) {
      refuse(format("Invalid 'input': maximum request size is %zu tokens.", kMostTokens), "input",
             "max_tokens_per_request");
    }
    sequences_.push_back(std::move(ids));
  }

  const EmbeddingHost& host_;
  EmbeddingHost::Sequences sequences_;
  size_t tokens_ = 0;
};

Json embeddings_json(const std::vector<std::vector<float>>& vectors, bool as_text, const std::string& model,
                     size_t tokens) {
  Json data = Json::array();
  for (const std::vector<float>& vector : vectors) {
    data.push_back({{"object", "embedding"},
                    {"index", data.size()},
                    {"embedding", as_text ? Json(base64_of_floats(vector)) : Json(vector)}});
  }
  return {{"object", "list"},
          {"data", std::move(data)},
          {"model", model},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

void start(const net::Request& request, net::Responder responder, EmbeddingHost* host) {
  const Json body = parse_body(request.body);
  const Fields fields(body);
  fields.only({"input", "model", "encoding_format", "dimensions", "user"});
  const std::string model = fields.text("model", 1);
  if (host == nullptr || model != host->name()) refuse_model(excerpt(model, 200));
  const bool as_text = fields.choice("encoding_format", {"float", "base64"}).value_or("float") == "base64";
  const auto dimensions = fields.integer("dimensions", 1, std::numeric_limits<int32_t>::max());
  if (dimensions && *dimensions != host->dimensions()) {
    // The first numbers of a vector mean something by themselves only where training saw to it.
    refuse(format("This model does not support specifying dimensions: its vectors have %ld, and were not trained to "
                  "be cut.",
                  host->dimensions()),
           "dimensions", "unsupported_value");
  }
  (void)fields.optional_text("user");
  InputReader reader(*host);
  EmbeddingHost::Sequences sequences = reader.read(fields);
  const auto done = [responder, as_text, model, tokens = reader.tokens()](
                        const std::vector<std::vector<float>>& vectors, const std::exception_ptr& fault) mutable {
    responder.send(fault ? response_to(fault) : json_response(embeddings_json(vectors, as_text, model, tokens)));
  };
  const auto gone = host->submit(std::move(sequences), done);
  responder.on_gone([gone] { *gone = true; });
}

}  // namespace

void add_embeddings_api(net::Server& server, EmbeddingHost* host) {
  add_waiting_route(server, "/v1/embeddings", Role::kUse, [host](net::Request& request, net::Responder responder) {
    start(request, std::move(responder), host);
  });
}

}  // namespace hone::serve
