// A request as a handler sees it, and its answer when that is ready as a whole.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::net {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// One part of a multipart body. A part with a filename lies in `file`, any other in `body`.
struct Part {
  std::string name;
  std::string filename;  ///< as the client wrote it: for people, never a path
  std::string content_type;
  std::string body;
  std::filesystem::path file;  ///< in the spool folder; removed with the request unless the handler moved it
  int64_t bytes = 0;
  bool is_file = false;
};

struct Request {
  std::string id;      ///< x-request-id: the client's if it is 1-128 characters of [A-Za-z0-9._:-], else made here
  std::string method;  ///< a route of GET is called for HEAD too; the body is then left out when it is sent
  /// Decoded once, segment by segment. A slash that was written %2F inside a segment stays "%2F" here, so that the
  /// path has as many segments as the router saw; path_values hold it decoded.
  std::string path;
  std::string route;                               ///< pattern of the route; "" where none fits
  std::map<std::string, std::string> path_values;  ///< of {name} in the route, decoded, never "", "." or ".."
  Fields query;                                    ///< decoded, in order
  Fields headers;                                  ///< names in lower case, in order
  std::string remote;                              ///< address of the peer
  std::string body;                                ///< whole, for routes that take one
  std::vector<Part> parts;                         ///< of routes with RouteOptions::multipart
  std::string principal;                           ///< what authorize() put there
  int permission = 0;                              ///< RouteOptions::permission; 0 where there is no route
  std::shared_ptr<void> spooled;  ///< removes the files of `parts`, gives back the room of `body`, with the last copy

  /// The first of that name, or nullptr.
  const std::string* header(std::string_view lower_case_name) const;
  const std::string* query_value(std::string_view name) const;
};

struct Response {
  int status = 200;
  Fields headers;
  std::string body;
  std::string content_type = "application/json";
  std::filesystem::path file;  ///< sent instead of `body`, in pieces
};

}  // namespace hone::net
