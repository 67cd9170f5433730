#include "serve/api_error.h"

#include <nlohmann/json.hpp>

#include "base/failures.h"
#include "base/json.h"

namespace hone::serve {
namespace {

const char* type_of(int status) {
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

ApiError no_space() {
  return {507, "The server has no space left to keep this. Try again when some was freed.", "", "insufficient_storage"};
}

}  // namespace

ApiError::ApiError(int status, const std::string& message, std::string param, std::string code)
    : std::runtime_error(message), status_(status), param_(std::move(param)), code_(std::move(code)) {}

net::Response ApiError::response() const {
  net::Response response;
  response.status = status_;
  response.body = to_line(
      {{"error",
        {{"message", what()}, {"type", type_of(status_)}, {"param", or_null(param_)}, {"code", or_null(code_)}}}});
  if (status_ == 429 || status_ == 503) response.headers.emplace_back("retry-after", "1");
  return response;
}

void refuse(const std::string& message, const std::string& param, const std::string& code) {
  throw ApiError(400, message, param, code);
}

void refuse_model(const std::string& name) {
  throw ApiError(404, "The model `" + name + "` does not exist or you do not have access to it.", "model",
                 "model_not_found");
}

void refuse_unknown(const std::string& message, const std::string& param, const std::string& code) {
  throw ApiError(404, message, param, code);
}

void refuse_busy() {
  throw ApiError(429, "The server is busy: too many requests are waiting. Try again in a moment.", "",
                 "rate_limit_exceeded");
}

ApiError shutting_down() {
  return {503, "The server is shutting down."};
}

net::Response response_to(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const ApiError& error) {
    return error.response();
  } catch (const Error& error) {
    // A place with a slash is a file of the server.
    const bool of_the_request = error.kind() == ErrorKind::kInput && error.place().find('/') == std::string::npos;
    if (of_the_request) return ApiError(400, error.what(), error.place()).response();
    if (is_disk_full(error)) return no_space().response();
  } catch (const std::exception& error) {
    if (is_disk_full(error)) return no_space().response();
  } catch (...) {
    // What went wrong inside may name files or hold contents: that is for the log, not for the client.
  }
  return ApiError(500, "The server had an error while processing your request.").response();
}

net::Response server_error(int status, const std::string& code, const std::string& message) {
  return ApiError(status, message, "", code).response();
}

}  // namespace hone::serve
