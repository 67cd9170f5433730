// Experiments: which are there, what becomes of them, and whom they send where. Start here: serve/ab.
//
// The table decides, and is asked for each request: a change takes effect for the next one, on every server that
// shares the database, and nothing has to be loaded after a restart.
#pragma once
#include <functional>
#include <mutex>
#include <set>

#include "base/language.h"
#include "serve/ab/experiment_request.h"
#include "serve/ab/figures.h"
#include "serve/catalog.h"

namespace hone::serve {

class Experiments {
 public:
  /// Both must outlive it. `endpoints`: names of other services that a variant may name.
  Experiments(Records& records, Catalog& catalog, std::set<std::string> endpoints);

  /// A name that means something else. Before the server starts.
  void reserve(const std::string& name) { reserved_.insert(name); }

  ExperimentRecord create(ExperimentRecord experiment, const Caller& caller);
  /// By id or name; one that the caller may see, else ApiError(404).
  ExperimentRecord get(const std::string& id_or_name, const Caller& caller);
  Page<ExperimentRecord> page(const PageRequest& page, const Caller& caller);
  ExperimentRecord change(const std::string& id, const Json& body, const Caller& caller);
  ExperimentRecord promote(const std::string& id, const std::string& variant, const Caller& caller);
  ExperimentRecord roll_back(const std::string& id, const std::string& reason, const Caller& caller);
  ExperimentRecord resume(const std::string& id, const Caller& caller);
  /// Users keep their variants; nothing more is counted.
  ExperimentRecord stop(const std::string& id, const Caller& caller);
  void remove(const std::string& id, const Caller& caller);

  /// The experiment that a request with this model is for; nothing where the name means something else.
  std::optional<ExperimentRecord> named(const std::string& model, const Caller& caller);
  /// What answers as this variant.
  ServedModel model_of(const ExperimentRecord& experiment, const ExperimentVariant& variant);
  /// As models are listed.
  static ServedModel served(const ExperimentRecord& experiment);
  std::vector<ServedModel> models(const Caller& caller);
  Json json(const ExperimentRecord& experiment);
  Json statistics(const ExperimentRecord& experiment, Language language);

  /// Rolls back where a guard rail is breached and the experiment asks for it.
  void check_guards(const std::string& id);
  ExperimentTable& table() { return table_; }

 private:
  /// Reads, changes and writes it in one transaction.
  ExperimentRecord edit(const std::string& id, const Caller& caller,
                        const std::function<void(ExperimentRecord&)>& change);
  /// The experiment with this status, and nothing promoted.
  ExperimentRecord become(const std::string& id, const char* status, const Caller& caller, const char* what,
                          const std::string& reason);
  bool means_something_else(const std::string& name) const;

  Catalog& catalog_;
  std::set<std::string> endpoints_, reserved_;
  ExperimentTable table_;
  Figures figures_;
};

}  // namespace hone::serve
