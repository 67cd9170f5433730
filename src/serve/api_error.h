// How a request is refused: a status and OpenAI's error object {"message", "type", "param", "code"}.
#pragma once
#include <stdexcept>
#include <string>

#include "net/message.h"

namespace hone::serve {

/// Thrown by whatever reads a request; the service answers with it. Empty `param` and `code` become null.
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, const std::string& message, std::string param = "", std::string code = "");

  int status() const { return status_; }
  net::Response response() const;

 private:
  int status_;
  std::string param_, code_;
};

/// Shorthands; all throw.
[[noreturn]] void refuse(const std::string& message, const std::string& param = "", const std::string& code = "");
/// 404 "The model `x` does not exist", with the code that clients look for.
[[noreturn]] void refuse_model(const std::string& name);
[[noreturn]] void refuse_unknown(const std::string& message, const std::string& param, const std::string& code = "");

/// 429: more wait than may.
[[noreturn]] void refuse_busy();
/// 503, for what a server that ends cannot answer any more.
ApiError shutting_down();

/// The answer to whatever was thrown: an ApiError as it is, Error(kInput) as 400, a full disk as 507, all else as 500
/// without its text.
net::Response response_to(const std::exception_ptr& thrown);

/// For faults that the HTTP server finds itself.
net::Response server_error(int status, const std::string& code, const std::string& message);

}  // namespace hone::serve
