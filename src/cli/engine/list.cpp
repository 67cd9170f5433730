// hone list KIND: what can be chosen by name, printed from the same registries that do the choosing.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/registry.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "data/readers/reader.h"
#include "data/shapes/shape.h"
#include "generate/sampling.h"
#include "metrics/metric.h"
#include "model/families/registry.h"
#include "text/builtin_templates.h"
#include "track/tracker.h"
#include "tune/method.h"
#include "tune/objectives/registry.h"
#include "tune/optimizers/optimizer.h"
#include "tune/regularizers/regularizer.h"
#include "tune/schedules/registry.h"

namespace hone::cli {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

template <typename Maker>
Rows rows_of(const Registry<Maker>& registry) {
  Rows rows;
  for (const auto& entry : registry.entries()) rows.emplace_back(entry.name, entry.summary);
  return rows;
}

const Registry<std::function<Rows()>>& kinds() {
  static const Registry<std::function<Rows()>> all = [] {
    Registry<std::function<Rows()>> registry("kind");
    registry.add({"families", "model families", [] { return rows_of(model::families()); }});
    registry.add({"formats", "file formats of data", [] { return rows_of(data::formats()); }});
    registry.add({"methods", "ways of tuning", [] { return rows_of(tune::methods()); }});
    registry.add({"metrics", "metrics of answers", [] { return rows_of(metrics::metrics()); }});
    registry.add({"objectives", "what is learned", [] { return rows_of(tune::objectives()); }});
    registry.add({"optimizers", "optimisers", [] { return rows_of(tune::optimizers()); }});
    registry.add({"processors", "steps of sampling", [] { return rows_of(generate::processors()); }});
    registry.add({"regularizers", "what holds weights near their start", [] { return rows_of(tune::regularizers()); }});
    registry.add({"schedules", "learning-rate schedules", [] { return rows_of(tune::schedules()); }});
    registry.add({"shapes", "shapes of records", [] { return rows_of(data::shapes()); }});
    registry.add({"templates", "built-in chat templates", [] { return rows_of(text::builtin_chat_templates()); }});
    registry.add({"trackers", "where figures go", [] { return rows_of(track::trackers()); }});
    return registry;
  }();
  return all;
}

}  // namespace

void set_up_list(CLI::App& app) {
  struct Options {
    std::string kind;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  app.add_option("kind", options->kind, "families, methods, metrics, objectives, …; without it, the kinds");
  app.add_flag("--json", options->json, "Print one JSON document");
  app.callback([options] {
    const Rows rows = options->kind.empty() ? rows_of(kinds()) : kinds().at(options->kind, "hone list").make();
    Json document = Json::array();
    Table table({"name", "what it is"});
    for (const auto& [name, summary] : rows) {
      document.push_back({{"name", name}, {"summary", summary}});
      table.add({name, summary});
    }
    std::printf("%s", options->json ? (to_line(document) + "\n").c_str() : table.text().c_str());
  });
}

}  // namespace hone::cli
