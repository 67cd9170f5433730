#include "net/exchange.h"

#include <utility>

#include "net/responder.h"

namespace hone::net {

Exchange::Exchange(size_t output_buffer, std::function<void(Wake)> wake)
    : wake_(std::move(wake)), output_buffer_(output_buffer) {}

void Exchange::wake_locked(Wake what) {
  if (!wake_ || (woken_ && what == Wake::kLook)) return;
  woken_ = true;  // until next() has looked
  wake_(what);
}

void Exchange::send(Response response) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kOpen) return;
  phase_ = Phase::kAnswered;
  first_ = Step{.what = Step::What::kWhole, .response = std::move(response)};
  wake_locked(Wake::kLook);
}

void Exchange::fail(Fault fault) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kOpen) return;
  phase_ = Phase::kAnswered;
  first_ = Step{.what = Step::What::kFault, .fault = std::move(fault)};
  wake_locked(Wake::kLook);
}

bool Exchange::open_stream(int status, Fields headers) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kOpen) return false;
  phase_ = Phase::kStreaming;
  first_ = Step{.what = Step::What::kHead, .response = {.status = status, .headers = std::move(headers)}};
  wake_locked(Wake::kLook);
  return true;
}

bool Exchange::write(std::string text) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kStreaming) return false;
  if (!pending_.empty() && pending_.size() + text.size() > output_buffer_) {
    phase_ = Phase::kCut;
    wake_locked(Wake::kCutOff);
    return false;
  }
  if (pending_.empty())
    pending_ = std::move(text);
  else
    pending_ += text;
  wake_locked(Wake::kLook);
  return true;
}

void Exchange::close() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kStreaming) return;
  phase_ = Phase::kClosed;
  wake_locked(Wake::kLook);
}

void Exchange::cut() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kStreaming) return;
  phase_ = Phase::kCut;
  wake_locked(Wake::kCutOff);
}

void Exchange::on_gone(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      if (phase_ != Phase::kFinished) on_gone_ = std::move(call);
      return;
    }
  }
  call();
}

Exchange::Step Exchange::next() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  if (phase_ == Phase::kCut) return Step{.what = Step::What::kCut};
  if (first_) return *std::exchange(first_, std::nullopt);
  if (!pending_.empty()) return Step{.what = Step::What::kPiece, .text = std::exchange(pending_, {})};
  if (phase_ == Phase::kClosed) return Step{.what = Step::What::kEnd};
  return {};
}

void Exchange::finish(bool complete) {
  std::function<void()> call;
  std::function<void(Wake)> dropped;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kFinished) return;
    phase_ = Phase::kFinished;
    gone_ = !complete;
    dropped = std::exchange(wake_, nullptr);
    call = std::exchange(on_gone_, nullptr);
    first_.reset();
    pending_ = {};
  }
  if (!complete && call) call();
}

Stream::Stream(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
Stream::~Stream() {
  exchange_->cut();
}
bool Stream::write(std::string text) {
  return exchange_->write(std::move(text));
}
void Stream::close() {
  exchange_->close();
}

struct Responder::Ticket {
  explicit Ticket(std::shared_ptr<Exchange> shared) : exchange(std::move(shared)) {}
  ~Ticket() { exchange->fail(Fault(500, "internal_error", "the server gave no answer to this request")); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  std::shared_ptr<Exchange> exchange;
};

Responder::Responder(std::shared_ptr<Exchange> exchange) : ticket_(std::make_shared<Ticket>(std::move(exchange))) {}
void Responder::send(Response response) {
  ticket_->exchange->send(std::move(response));
}
std::shared_ptr<Stream> Responder::stream(int status, Fields headers) {
  if (!ticket_->exchange->open_stream(status, std::move(headers))) {
    // Answered already: a stream whose client is gone, rather than one that could spoil the first answer.
    auto closed = std::make_shared<Exchange>(0, nullptr);
    closed->finish(false);
    return std::make_shared<Stream>(std::move(closed));
  }
  return std::make_shared<Stream>(ticket_->exchange);
}
void Responder::on_gone(std::function<void()> call) {
  ticket_->exchange->on_gone(std::move(call));
}

}  // namespace hone::net
