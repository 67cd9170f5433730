// One request's answers on their way to the client: gathered into one document, or sent piece by piece.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "net/responder.h"
#include "serve/ab/recorder.h"
#include "serve/inference/model_host.h"

namespace hone::serve {

/// What one answer has come to.
struct AnswerState {
  std::string text;
  size_t tokens = 0;
  std::string finish;                                           ///< "" until it is over
  std::optional<std::vector<generate::TokenLogprob>> logprobs;  ///< of its tokens, where they were asked for
};

/// The shape of an API's answers: chat completions or plain ones.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;
  /// A choice of the whole document.
  virtual Json choice(size_t index, const AnswerState& state) const = 0;
  /// The choices to send when `index` begins, has more text, and is over; an empty list sends nothing.
  virtual Json opening(size_t index) const = 0;
  /// `logprob` of the token that the text came with; null where it was not asked for.
  virtual Json piece(size_t index, const std::string& text, const generate::TokenLogprob* logprob) const = 0;
  virtual Json closing(size_t index, const AnswerState& state) const = 0;
  /// Pieces are held back: what they mean shows only at the end.
  virtual bool whole_only() const { return false; }
  virtual const char* object(bool streamed) const = 0;
};

struct AnswerHead {
  std::string id, model;
  int64_t created = 0;
  size_t prompt_tokens = 0, answers = 1;
  bool stream = false, include_usage = false, logprobs = false;
  net::Fields headers;           ///< further ones of the answer
  std::shared_ptr<Trace> trace;  ///< what is written down about it; null: nothing
};

/// A Listener that writes to the client. start() ties it to its generation, so that a client that leaves ends that.
class AnswerWriter : public Listener, public std::enable_shared_from_this<AnswerWriter> {
 public:
  AnswerWriter(AnswerHead head, std::unique_ptr<AnswerForm> form, net::Responder responder);
  /// Submits the requests; throws what ModelHost::submit() does.
  void start(ModelHost& host, std::vector<generate::Request> requests, const std::filesystem::path& adapter);

  void token(size_t index, const generate::Event& event) override;
  void failed(const std::exception_ptr& why) override;

 private:
  Json document(bool streamed, Json choices) const;
  Json usage() const;
  void send(const Json& chunk);
  void open();
  void tell();
  void finish();

  AnswerHead head_;
  std::unique_ptr<AnswerForm> form_;
  net::Responder responder_;
  std::shared_ptr<net::Stream> stream_;
  std::vector<AnswerState> states_;
  size_t over_ = 0;
};

}  // namespace hone::serve
