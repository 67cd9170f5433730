#include "serve/ab/experiments_api.h"

#include <nlohmann/json.hpp>

#include "serve/ab/statistics.h"
#include "serve/api_error.h"
#include "serve/paging.h"
#include "serve/routes.h"

namespace hone::serve {
namespace {

const std::string& id_of(const net::Request& request) {
  return request.path_values.at("experiment");
}

/// An action may have no body at all.
Json optional_body(const net::Request& request) {
  return request.body.empty() ? Json::object() : parse_body(request.body);
}

net::Response promote(const net::Request& request, Experiments& experiments) {
  const Json body = parse_body(request.body);
  const Fields fields(body);
  fields.only({"variant"});
  return json_response(
      experiments.json(experiments.promote(id_of(request), fields.text("variant", 1), caller_of(request))));
}

net::Response roll_back(const net::Request& request, Experiments& experiments) {
  const Json body = optional_body(request);
  const Fields fields(body);
  fields.only({"reason"});
  const std::string reason = fields.optional_text("reason", 0, 512).value_or("");
  return json_response(experiments.json(experiments.roll_back(id_of(request), reason, caller_of(request))));
}

net::Response assignment(const net::Request& request, Experiments& experiments) {
  const ExperimentRecord experiment = experiments.get(id_of(request), caller_of(request));
  const std::string* user = request.query_value("user");
  if (user == nullptr || user->empty())
    refuse("Missing required parameter: 'user'.", "user", "missing_required_parameter");
  const ExperimentVariant& variant = experiment.answering(*user);
  return json_response({{"object", "experiment.assignment"},
                        {"experiment", experiment.name},
                        {"user", *user},
                        {"variant", variant.name},
                        {"model", variant.model}});
}

net::Response statistics(const net::Request& request, Experiments& experiments, Recorder& recorder) {
  const ExperimentRecord experiment = experiments.get(id_of(request), caller_of(request));
  const std::string* language = request.query_value("language");
  const Language chosen = language_called(language == nullptr || language->empty() ? "en" : *language, "language");
  recorder.flush();  // what was answered before this request is in it
  return json_response(experiments.statistics(experiment, chosen));
}

}  // namespace

void add_experiments_api(net::Server& server, Experiments& experiments, Recorder& recorder) {
  const std::string all = "/v1/experiments", one = all + "/{experiment}";
  const auto shown = [&experiments](const ExperimentRecord& experiment) {
    return json_response(experiments.json(experiment));
  };
  add_route(server, "POST", all, Role::kTrain, [&experiments, shown](net::Request& request) {
    return shown(experiments.create(read_experiment(parse_body(request.body)), caller_of(request)));
  });
  add_route(server, "GET", all, Role::kUse, [&](net::Request& request) {
    return page_response(experiments.page(page_request(request, 20, 100), caller_of(request)),
                         [&](const ExperimentRecord& experiment) { return experiments.json(experiment); });
  });
  add_route(server, "GET", one, Role::kUse, [&, shown](net::Request& request) {
    const ExperimentRecord experiment = experiments.get(id_of(request), caller_of(request));
    recorder.flush();
    return shown(experiment);
  });
  add_route(server, "POST", one, Role::kTrain, [&experiments, shown](net::Request& request) {
    return shown(experiments.change(id_of(request), parse_body(request.body), caller_of(request)));
  });
  add_route(server, "DELETE", one, Role::kTrain, [&](net::Request& request) {
    const Caller caller = caller_of(request);
    const ExperimentRecord experiment = experiments.get(id_of(request), caller);
    recorder.flush();
    experiments.remove(experiment.id, caller);
    return json_response({{"id", experiment.id}, {"object", "experiment"}, {"deleted", true}});
  });
  add_route(server, "POST", one + "/promote", Role::kTrain,
            [&](net::Request& request) { return promote(request, experiments); });
  add_route(server, "POST", one + "/roll_back", Role::kTrain,
            [&](net::Request& request) { return roll_back(request, experiments); });
  using Action = ExperimentRecord (Experiments::*)(const std::string&, const Caller&);
  const auto add = [&](const std::string& path, Action action) {
    add_route(server, "POST", path, Role::kTrain, [&experiments, shown, action](net::Request& request) {
      const Json body = optional_body(request);
      Fields(body).only({});
      return shown((experiments.*action)(id_of(request), caller_of(request)));
    });
  };
  add(one + "/resume", &Experiments::resume);
  add(one + "/stop", &Experiments::stop);
  add_route(server, "GET", one + "/assignment", Role::kUse,
            [&](net::Request& request) { return assignment(request, experiments); });
  add_route(server, "GET", one + "/statistics", Role::kUse,
            [&](net::Request& request) { return statistics(request, experiments, recorder); });
}

}  // namespace hone::serve
