#include "serve/catalog.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/ids.h"

namespace hone::serve {
namespace {

constexpr std::string_view kLatest = "latest:";

ServedModel served(const ModelRecord& record) {
  return {record.name, record.folder, record.created_at, record.owner};
}

}  // namespace

Catalog::Catalog(Records& records, CatalogOptions options)
    : records_(records), options_(std::move(options)), started_at_(unix_now()) {
  for (const auto& [alias, target] : options_.aliases) {
    if (options_.aliases.contains(target)) fail_input("alias " + alias, "stands for another alias, " + target);
  }
}

ServedModel Catalog::base_model() const {
  return {base(), {}, started_at_, "hone"};
}

bool Catalog::is_base(const std::string& name) const {
  const auto& names = options_.base_names;
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool Catalog::is_fixed(const std::string& name) const {
  return is_base(name) || options_.aliases.contains(name);
}

ServedModel Catalog::find(const std::string& name, const Caller& caller) {
  const auto alias = options_.aliases.find(name);
  const std::string& target = alias == options_.aliases.end() ? name : alias->second;
  if (is_base(target)) return base_model();
  const bool given = alias != options_.aliases.end();
  const std::optional<ModelRecord> record = given && starts_with(target, kLatest)
                                                ? records_.newest_model(target.substr(kLatest.size()))
                                                : records_.model(target);
  // What an administrator gave an alias to is there for everybody who may ask at all.
  if (!record || (!given && !caller.sees(record->owner))) refuse_model(excerpt(name, 200));
  return served(*record);
}

std::vector<ServedModel> Catalog::all(const Caller& caller) {
  std::vector<ServedModel> models{base_model()};
  for (const ModelRecord& record : records_.models()) {
    if (caller.sees(record.owner)) models.push_back(served(record));
  }
  return models;
}

std::string Catalog::new_name(const std::string& suffix) {
  constexpr int kLetters = 8;
  for (;;) {
    std::string name = "ft:" + base() + ":" + options_.organization + ":" + suffix + ":" + random_letters(kLetters);
    if (!records_.model(name)) return name;
  }
}

Json model_json(const ServedModel& model) {
  return {{"id", model.name}, {"object", "model"}, {"created", model.created_at}, {"owned_by", model.owner}};
}

}  // namespace hone::serve
