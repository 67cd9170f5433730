// A fault of the client that the server answers by itself.
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace hone::net {

/// Thrown by the readers of this layer; becomes an answer through Server::Options::error.
class Fault : public std::exception {
 public:
  Fault(int answer, std::string name, std::string text)
      : status(answer), code(std::move(name)), message(std::move(text)) {}
  const char* what() const noexcept override { return message.c_str(); }

  int status;
  std::string code, message;
};

}  // namespace hone::net
