// Which model a name in a request means: the base under its served names, a fine-tuned model, a checkpoint, an alias.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "serve/keys.h"
#include "serve/records.h"

namespace hone::serve {

struct ServedModel {
  std::string name;               ///< under which answers and jobs show it
  std::filesystem::path adapter;  ///< folder; empty for the base alone
  int64_t created_at = 0;
  std::string owner;
};

struct CatalogOptions {
  std::vector<std::string> base_names;  ///< of the base; the first is its own, the others stand for it
  std::filesystem::path base_folder;
  std::string organization = "org";
  /// name → a name, or "latest:SUFFIX" for the newest fine-tuned model of that suffix.
  std::map<std::string, std::string> aliases;
};

/// Thread-safe.
class Catalog {
 public:
  Catalog(Records& records, CatalogOptions options);

  const CatalogOptions& options() const { return options_; }
  const std::string& base() const { return options_.base_names.front(); }
  /// What the operator named: the base by any of its names, an alias.
  bool is_fixed(const std::string& name) const;
  /// Throws ApiError(404, model_not_found): never another model in its place.
  ServedModel find(const std::string& name, const Caller& caller);
  /// The base first, then what the caller may see.
  std::vector<ServedModel> all(const Caller& caller);
  /// "ft:BASE:ORG:SUFFIX:8 letters" not given to any model yet.
  std::string new_name(const std::string& suffix);

 private:
  ServedModel base_model() const;
  bool is_base(const std::string& name) const;

  Records& records_;
  CatalogOptions options_;
  int64_t started_at_;
};

/// {"id", "object": "model", "created", "owned_by"}
Json model_json(const ServedModel& model);

}  // namespace hone::serve
