#include "serve/web/web_page.h"

#include "base/error.h"
#include "base/strings.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

struct WebFile {
  const char *name, *content;
};

constexpr WebFile kFiles[] = {
#include "files.inc"
};

const char* content_type(const std::string& name) {
  if (ends_with(name, ".html")) return "text/html; charset=utf-8";
  if (ends_with(name, ".css")) return "text/css; charset=utf-8";
  if (ends_with(name, ".js")) return "text/javascript; charset=utf-8";
  if (ends_with(name, ".svg")) return "image/svg+xml";
  fail_work("page/" + name, "is of no kind that browsers are told of");
}

/// No script, style or connection but the server's own, no frame around the page, and no text that becomes markup.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

net::Response response_for(const std::string& name, std::string content) {
  net::Response response;
  response.content_type = content_type(name);
  response.headers = {{"content-security-policy", kPolicy},
                      {"x-content-type-options", "nosniff"},
                      {"x-frame-options", "DENY"},
                      {"referrer-policy", "no-referrer"},
                      {"cross-origin-opener-policy", "same-origin"},
                      {"cross-origin-resource-policy", "same-origin"},
                      {"cache-control", "no-cache"},  // kept, but asked for again: a new program has a new page
                      {"etag", '"' + store::sha256_of(content).substr(0, 32) + '"'}};
  response.body = std::move(content);
  return response;
}

/// Whether a client that sent this If-None-Match has what `etag` (with its quotes) names.
bool has_entity(const std::string& if_none_match, const std::string& etag) {
  for (const std::string& given : split(if_none_match, ',')) {
    const std::string_view one = trim(given);
    if (one == "*" || one == etag || one == "W/" + etag) return true;
  }
  return false;
}

void add_file(net::Server& server, const std::string& path, const net::Response& response) {
  const std::string etag = response.headers.back().second;
  const auto handle = [response, etag](net::Request&& request, net::Responder responder) {
    const std::string* known = request.header("if-none-match");
    if (known == nullptr || !has_entity(*known, etag)) return responder.send(response);
    net::Response same = response;
    same.status = 304;
    same.body.clear();
    responder.send(same);
  };
  server.route("GET", path, handle, {.open = true});
}

/// The shell says whether there is a key to ask for, so that nobody has to try.
std::string with_key_mark(std::string html, bool asks_key) {
  const std::string mark = "data-key=\"asked\"";
  const size_t at = html.find(mark);
  if (at == std::string::npos) fail_work("page/index.html", "has no " + mark);
  return asks_key ? html : html.replace(at, mark.size(), "data-key=\"none\"");
}

}  // namespace

void add_web_page(net::Server& server, bool asks_key) {
  for (const WebFile& file : kFiles) {
    const std::string name = file.name;
    if (name == "index.html")
      add_file(server, "/", response_for(name, with_key_mark(file.content, asks_key)));
    else
      add_file(server, "/assets/" + name, response_for(name, file.content));
  }
}

}  // namespace hone::serve
