#include "net/site.h"

#include <cstdio>
#include <exception>

namespace hone::net {

void Site::log(const std::string& message) const {
  if (options.log)
    options.log(message);
  else
    std::fprintf(stderr, "server: %s\n", message.c_str());
}

Response Site::error(int status, const std::string& code, const std::string& message) const {
  Response response{.status = status, .body = message + "\n", .content_type = "text/plain; charset=utf-8"};
  try {
    if (options.error) response = options.error(status, code, message);
    response.status = status;
  } catch (const std::exception& failure) {
    log(std::string("the callback that words errors threw: ") + failure.what());
  }
  return response;
}

}  // namespace hone::net
