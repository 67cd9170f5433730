#include "serve/files/files_api.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/fields.h"
#include "serve/ids.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

// "evals" may be asked for by the contract, whose file object does not know it.
constexpr const char* kPurposes[] = {"assistants", "batch", "fine-tune", "vision", "user_data"};

const net::Part* part(const net::Request& request, std::string_view name) {
  for (const net::Part& candidate : request.parts) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

void check_names(const net::Request& request) {
  for (const net::Part& given : request.parts) {
    bool known = false;
    for (const char* name : {"file", "purpose", "expires_after", "expires_after[anchor]", "expires_after[seconds]"}) {
      known = known || given.name == name;
    }
    const std::string name = excerpt(given.name, 60);
    if (!known) refuse("Unrecognized request argument supplied: " + name, name, "unknown_parameter");
  }
}

std::string purpose_of(const net::Request& request) {
  const net::Part* field = part(request, "purpose");
  if (field == nullptr) refuse("Missing required parameter: 'purpose'.", "purpose", "missing_required_parameter");
  std::vector<std::string> quoted;
  for (const char* known : kPurposes) {
    if (field->body == known) return field->body;
    quoted.push_back("'" + std::string(known) + "'");
  }
  refuse("Invalid value: '" + excerpt(field->body, 40) + "'. Supported values are: " + join(quoted, ", ") + ".",
         "purpose", "invalid_value");
}

int64_t expiry_seconds(const Fields& fields) {
  if (!fields.choice("anchor", {"created_at"})) fields.missing("anchor");
  const auto seconds = fields.integer("seconds", 3600, 2592000);
  if (!seconds) fields.missing("seconds");
  return *seconds;
}

/// Clients write it as fields expires_after[anchor] and expires_after[seconds]; the contract, as one field in JSON.
std::optional<int64_t> expiry_of(const net::Request& request) {
  const net::Part *whole = part(request, "expires_after"), *anchor = part(request, "expires_after[anchor]"),
                  *seconds = part(request, "expires_after[seconds]");
  if (whole == nullptr && anchor == nullptr && seconds == nullptr) return std::nullopt;
  Json policy = Json::object();
  if (whole != nullptr) {
    policy = Json::parse(whole->body, nullptr, /*allow_exceptions=*/false);
    if (!policy.is_object())
      refuse("Invalid type for 'expires_after': expected an object.", "expires_after", "invalid_type");
  }
  if (anchor != nullptr) policy["anchor"] = anchor->body;
  if (seconds != nullptr) {
    const Json number = Json::parse(seconds->body, nullptr, /*allow_exceptions=*/false);
    policy["seconds"] = number.is_discarded() ? Json(seconds->body) : number;
  }
  return unix_now() + expiry_seconds(Fields(policy, "expires_after"));
}

/// Bytes at `at` of a character that turns the direction of what follows, and so makes exe.txt of txt.exe: U+200E and
/// U+200F, U+202A to U+202E, U+2066 to U+2069. 0 where there is none.
size_t direction_mark(std::string_view text, size_t at) {
  if (!starts_with(text.substr(at), "\xE2\x80") && !starts_with(text.substr(at), "\xE2\x81")) return 0;
  const auto last = at + 2 < text.size() ? static_cast<unsigned char>(text[at + 2]) : 0;
  const bool turns = text[at + 1] == '\x80' ? (last >= 0xAA && last <= 0xAE) || last == 0x8E || last == 0x8F
                                            : last >= 0xA6 && last <= 0xA9;
  return turns ? 3 : 0;
}

/// A name for people to read; it is never used as a path.
std::string safe_name(const std::string& given) {
  const size_t slash = given.find_last_of("/\\");
  const std::string last = slash == std::string::npos ? given : given.substr(slash + 1);
  std::string name;
  for (size_t at = 0; at < last.size(); ++at) {
    if (const size_t mark = direction_mark(last, at); mark > 0)
      at += mark - 1;
    else if (static_cast<unsigned char>(last[at]) >= 0x20 && last[at] != 0x7f)
      name += last[at];
  }
  return name.empty() || name == "." || name == ".." ? "file" : excerpt(name, 200);
}

/// Whether it can be JSON lines at all; what is wrong with a line is found when a job begins.
void check_training_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(4096, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  if (starts_with(head, "\xEF\xBB\xBF")) head.erase(0, 3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && head[first] == '{') return;
  refuse("Invalid file format for Fine-Tuning API. Must be .jsonl", "file", "invalid_file_format");
}

net::Response upload(net::Request& request, Files& files, Records& records) {
  const Caller caller = caller_of(request);
  check_names(request);
  FileRecord file;
  file.owner = caller.owner;
  file.purpose = purpose_of(request);
  file.expires_at = expiry_of(request);
  const net::Part* content = part(request, "file");
  if (content == nullptr || content->file.empty()) {
    refuse("Missing required parameter: 'file'. Send it as a multipart/form-data part with a filename.", "file",
           "missing_required_parameter");
  }
  if (content->bytes == 0) refuse("Invalid 'file': the file is empty.", "file", "empty_file");
  file.filename = safe_name(content->filename);
  if (file.purpose == "fine-tune") check_training_file(content->file);
  if (is_retry(request)) {
    FileRecord same = file;
    same.sha256 = store::sha256_of_file(content->file);
    if (const auto made = records.recent_file(same)) return json_response(file_json(*made));
  }
  return json_response(file_json(files.add(file, content->file)));
}

net::Response list(const net::Request& request, Records& records) {
  const Caller caller = caller_of(request);
  const std::string* purpose = request.query_value("purpose");
  // Owners are told apart here: only an administrator's list is that of everybody.
  const PageRequest page = page_request(request, 10000, 10000);
  return page_response(
      records.files(page, purpose != nullptr ? *purpose : "", caller.role == Role::kAdmin ? "" : caller.owner),
      file_json);
}

}  // namespace

void add_files_api(net::Server& server, Files& files, Records& records, const FileLimits& limits) {
  net::RouteOptions upload_options;
  upload_options.multipart = true;
  upload_options.max_body = limits.max_bytes + (int64_t{1} << 20);
  add_route(
      server, "POST", "/v1/files", Role::kTrain, [&](net::Request& request) { return upload(request, files, records); },
      upload_options);
  add_route(server, "GET", "/v1/files", Role::kTrain, [&](net::Request& request) { return list(request, records); });
  add_route(server, "GET", "/v1/files/{file_id}", Role::kTrain, [&](net::Request& request) {
    return json_response(file_json(files.get(request.path_values.at("file_id"), caller_of(request))));
  });
  add_route(server, "GET", "/v1/files/{file_id}/content", Role::kTrain, [&](net::Request& request) {
    const FileRecord file = files.get(request.path_values.at("file_id"), caller_of(request));
    net::Response response;
    response.file = files.content(file);
    response.content_type = "application/octet-stream";
    return response;
  });
  add_route(server, "DELETE", "/v1/files/{file_id}", Role::kTrain, [&](net::Request& request) {
    const FileRecord file = files.get(request.path_values.at("file_id"), caller_of(request));
    files.remove(file);
    return json_response({{"id", file.id}, {"object", "file"}, {"deleted", true}});
  });
}

}  // namespace hone::serve
