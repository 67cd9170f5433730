// A refusal of the server: OpenAI's error object as an Error.
#pragma once
#include <string>

#include "base/error.h"
#include "client/endpoint.h"
#include "net/client.h"

namespace hone::client {

class ApiError : public Error {
 public:
  ApiError(const Error& error, int status, std::string code) : Error(error), status_(status), code_(std::move(code)) {}
  int status() const { return status_; }
  const std::string& code() const { return code_; }  ///< as the server has it, e.g. "model_not_found"; may be ""

  /// The same with another remedy.
  ApiError with_remedy(const std::string& remedy) const {
    return {Error(kind(), place(), message(), remedy), status_, code_};
  }

 private:
  int status_;
  std::string code_;
};

/// For an answer that is no 2xx to a request for `path` below the base URL. 401, 403, 404 and the like are the input's
/// fault (kInput), 408, 409, 429 and 5xx the work's. The key is taken out should the server repeat it.
ApiError api_error(const Endpoint& endpoint, const std::string& path, const net::ClientAnswer& answer);

}  // namespace hone::client
