#include "serve/keys.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/ids.h"
#include "serve/loopback.h"
#include "store/sha256.h"

namespace hone::serve {
namespace {

constexpr Role kRoles[] = {Role::kUse, Role::kTrain, Role::kAdmin};

/// Both are hexadecimal digests of one length; takes the same time wherever they differ.
bool equal_digests(const std::string& a, const std::string& b) {
  unsigned difference = a.size() ^ b.size();
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

std::string id_of(const std::string& hash) {
  constexpr size_t kShown = 16;
  return "key-" + hash.substr(0, kShown);
}

std::string key_in(const net::Request& head) {
  const std::string* header = head.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (header == nullptr || header->size() < kScheme.size()) return "";
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = (*header)[i];
    if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != kScheme[i]) return "";
  }
  return std::string(trim(std::string_view(*header).substr(kScheme.size())));
}

/// Before the body is read: who may not ask should not fill a disk first.
std::optional<net::Response> refuse_role(const net::Request& head) {
  try {
    require(caller_of(head), static_cast<Role>(head.permission));
    return std::nullopt;
  } catch (const ApiError& error) {
    return error.response();
  }
}

net::Response foreign() {
  return ApiError(403,
                  "Without keys this server answers programs of its own machine, at a loopback address, and no web "
                  "page from elsewhere.",
                  "", "foreign_origin")
      .response();
}

}  // namespace

const char* role_name(Role role) {
  return role == Role::kUse ? "use" : role == Role::kTrain ? "train" : "admin";
}

Role role_named(const std::string& name) {
  for (const Role role : kRoles) {
    if (name == role_name(role)) return role;
  }
  fail_input("role", "\"" + name + "\" is unknown; known: use, train, admin");
}

Caller caller_of(const net::Request& request) {
  const size_t colon = request.principal.find(':');
  if (colon == std::string::npos) throw ApiError(401, "The request was not authorised.", "", "invalid_api_key");
  return {request.principal.substr(colon + 1), role_named(request.principal.substr(0, colon))};
}

void require(const Caller& caller, Role role) {
  if (caller.role >= role) return;
  throw ApiError(
      403,
      format("You have insufficient permissions for this operation. It needs a key with the role %s; this one has %s.",
             role_name(role), role_name(caller.role)),
      "", "insufficient_permissions");
}

Keys::Keys(store::Database& database, bool open) : database_(database), open_(open) {
  for (const store::Row& row : database.query("SELECT hash, name, role FROM keys ORDER BY created_at")) {
    entries_.push_back({row.text("hash"), row.text("name"), role_named(row.text("role"))});
  }
}

bool Keys::empty() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty();
}

std::string Keys::create(const std::string& name, Role role) {
  std::string key = "sk-hone-" + random_letters(40);
  accept(key, name, role);
  return key;
}

void Keys::accept(const std::string& key, const std::string& name, Role role) {
  if (key.size() < 8) fail_input("api key", "is shorter than 8 characters", "leave it out and one is made");
  const std::string hash = store::sha256_of(key);
  database_.execute(
      "INSERT INTO keys (hash, name, role, created_at) VALUES (?, ?, ?, ?)"
      " ON CONFLICT (hash) DO UPDATE SET name = excluded.name, role = excluded.role",
      {hash, name, std::string(role_name(role)), unix_now()});
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.hash == hash; });
  entries_.push_back({hash, name, role});
}

KeyInfo Keys::info(const std::string& key, const std::string& name, Role role) {
  return {id_of(store::sha256_of(key)), name, role};
}

std::vector<KeyInfo> Keys::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<KeyInfo> all;
  for (const Entry& entry : entries_) all.push_back({id_of(entry.hash), entry.name, entry.role});
  return all;
}

bool Keys::revoke(const std::string& id) {
  const std::vector<KeyInfo> all = list();
  const auto found = std::find_if(all.begin(), all.end(), [&](const KeyInfo& key) { return key.id == id; });
  if (found == all.end()) return false;
  const std::string begin = id.substr(id.find('-') + 1);
  database_.execute("DELETE FROM keys WHERE substr(hash, 1, 16) = ?", {begin});
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return starts_with(entry.hash, begin); });
  return true;
}

std::optional<net::Response> Keys::authorize(net::Request& head) const {
  const std::string given = key_in(head), hash = store::sha256_of(given);
  {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {  // all of them, whichever fits
      if (equal_digests(entry.hash, hash)) head.principal = std::string(role_name(entry.role)) + ":" + entry.name;
    }
  }
  if (!head.principal.empty()) return refuse_role(head);
  if (open_) {
    if (!comes_from_here(head)) return foreign();
    head.principal = std::string("admin:") + kOpenOwner;
    return std::nullopt;
  }
  if (given.empty()) {
    return ApiError(401,
                    "You didn't provide an API key. You need to provide your API key in an Authorization header "
                    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).")
        .response();
  }
  return ApiError(401, "Incorrect API key provided.", "", "invalid_api_key").response();
}

}  // namespace hone::serve
