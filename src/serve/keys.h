// Who may ask for what. Keys are kept as SHA-256; every key is compared in full, so that time tells nothing.
#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/message.h"
#include "store/database.h"

namespace hone::net {
class Server;
}

namespace hone::serve {

/// Each may do what those before it may.
enum class Role {
  kUse,    ///< ask models
  kTrain,  ///< also files, jobs, deleting models of one's own
  kAdmin,  ///< also everybody's
};
const char* role_name(Role role);
/// Throws Error(kInput) for another word than use, train, admin.
Role role_named(const std::string& name);

/// Name of the owner where no key is asked for.
inline constexpr const char* kOpenOwner = "local";

/// The one who asks, as authorize() found out.
struct Caller {
  std::string owner;  ///< name of the key
  Role role = Role::kUse;

  /// Whether something of `owner` is there for this caller; what is not is answered with 404.
  bool sees(const std::string& of_owner) const { return role == Role::kAdmin || owner == of_owner; }
};
Caller caller_of(const net::Request& request);

/// What may be told of a key.
struct KeyInfo {
  std::string id;  ///< begin of its hash
  std::string name;
  Role role = Role::kUse;
};

/// Thread-safe.
class Keys {
 public:
  /// `open`: without a key everybody is admin (loopback only; the caller checks that).
  Keys(store::Database& database, bool open);

  bool empty() const;
  /// A new key, shown this once. A name that is taken gets another key: both are valid.
  std::string create(const std::string& name, Role role);
  /// What list() says of it.
  static KeyInfo info(const std::string& key, const std::string& name, Role role);
  /// Makes `key` valid.
  void accept(const std::string& key, const std::string& name, Role role);
  std::vector<KeyInfo> list() const;
  /// No longer valid from the next request on; false if there is none. What its owner has stays.
  bool revoke(const std::string& id);
  /// For net::Server::Options::authorize: sets the principal, or refuses: 401 without a key that is known, 403 for a
  /// role that the route does not let in or, where no key is asked for, for what a web page from elsewhere sends.
  std::optional<net::Response> authorize(net::Request& head) const;

 private:
  struct Entry {
    std::string hash, name;
    Role role;
  };

  store::Database& database_;
  bool open_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

/// /v1/keys: create, list, revoke; for administrators. `keys` must outlive the server.
void add_keys_api(net::Server& server, Keys& keys);

/// Throws ApiError(403) unless the caller has at least this role.
void require(const Caller& caller, Role role);

}  // namespace hone::serve
