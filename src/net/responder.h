// How a handler answers: at once or later, from any thread, as a whole or in pieces.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "net/message.h"

namespace hone::net {

class Exchange;

/// An open answer in pieces, for server-sent events. Any thread may call it. Destroyed before close(), the connection
/// is cut, so that the client sees that the answer is not whole.
class Stream {
 public:
  explicit Stream(std::shared_ptr<Exchange> exchange);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Puts `text` into the connection's output buffer and returns at once. False once the client is gone, the stream is
  /// closed, or the client reads so slowly that its buffer is full (Limits::output_buffer); it is cut off then.
  bool write(std::string text);
  /// The answer is whole. What write() was given before is still sent.
  void close();

 private:
  std::shared_ptr<Exchange> exchange_;
};

/// Copies stand for the same answer: the first send() or stream() counts, later ones do nothing. When the last copy
/// goes and there was no answer, the client gets 500.
class Responder {
 public:
  explicit Responder(std::shared_ptr<Exchange> exchange);

  void send(Response response);
  /// Sends the head; the fields may hold content-type, which is text/event-stream otherwise.
  std::shared_ptr<Stream> stream(int status, Fields headers);
  /// Called once if the client leaves, or is cut off, before the answer is complete; at once if it has left already.
  /// Runs on a thread that serves connections: it must be quick and must not throw.
  void on_gone(std::function<void()> call);

 private:
  struct Ticket;
  std::shared_ptr<Ticket> ticket_;
};

}  // namespace hone::net
