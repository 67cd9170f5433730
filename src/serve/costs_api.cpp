#include "serve/costs_api.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "metrics/cost/report.h"
#include "serve/api_error.h"
#include "serve/fields.h"
#include "serve/paging.h"
#include "serve/routes.h"

namespace hone::serve {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 50;
constexpr double kMostMoney = 1e12;

uint64_t whole(const Fields& fields, const char* key, uint64_t otherwise = 0, int64_t least = 0) {
  return static_cast<uint64_t>(fields.integer(key, least, kMostTokens).value_or(static_cast<int64_t>(otherwise)));
}

double amount(const Fields& fields, const char* key) {
  return fields.number(key, 0, kMostMoney).value_or(0);
}

metrics::Hardware hardware_of(const Fields& body) {
  const Json* object = body.object("hardware");
  if (object == nullptr) return {};
  const Fields fields(*object, "hardware");
  fields.only({"price_per_hour", "watts", "price_per_kwh", "purchase"});
  return {.price_per_hour = amount(fields, "price_per_hour"),
          .watts = amount(fields, "watts"),
          .price_per_kwh = amount(fields, "price_per_kwh"),
          .purchase = amount(fields, "purchase")};
}

void read_tokens(const Fields& fields, metrics::CostQuestion& question) {
  question.examples = whole(fields, "examples");
  question.epochs = whole(fields, "n_epochs", 3, 1);
  const uint64_t each = whole(fields, "tokens_per_example");
  question.tokens_per_epoch = whole(fields, "tokens_per_epoch");
  if (each > 0) {
    if (question.tokens_per_epoch > 0)
      refuse("'tokens_per_example' and 'tokens_per_epoch' say the same: give one of them.", "tokens_per_example");
    if (question.examples == 0) fields.missing("examples");
    if (__builtin_mul_overflow(question.examples, each, &question.tokens_per_epoch))
      refuse("The number of tokens is beyond reckoning.", "tokens_per_example");
  }
  if (question.tokens_per_epoch > 0) question.counted_by = "as given";
}

std::vector<std::string> models_of(const Fields& fields) {
  std::vector<std::string> names;
  if (const Json* list = fields.array("models")) {
    for (const Json& name : *list) {
      if (!name.is_string()) refuse("Invalid type for 'models': expected texts.", "models", "invalid_type");
      names.push_back(name.get<std::string>());
    }
  }
  return names;
}

Json costs(const Json& body) {
  const Fields fields(body);
  fields.only({"models", "examples", "tokens_per_example", "tokens_per_epoch", "n_epochs", "requests_per_day",
               "input_tokens", "output_tokens", "training_tokens_per_second", "answer_tokens_per_second", "hardware"});
  metrics::CostQuestion question;
  question.models = models_of(fields);
  read_tokens(fields, question);
  question.requests_per_day = whole(fields, "requests_per_day");
  question.input_tokens = whole(fields, "input_tokens");
  question.output_tokens = whole(fields, "output_tokens");
  question.training_tokens_per_second = amount(fields, "training_tokens_per_second");
  question.answer_tokens_per_second = amount(fields, "answer_tokens_per_second");
  question.hardware = hardware_of(fields);
  question.today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  Json json = to_json(question, metrics::reckon(question, metrics::builtin_prices(), "models"));
  json["object"] = "cost";
  return json;
}

}  // namespace

void add_costs_api(net::Server& server) {
  add_route(server, "POST", "/v1/costs", Role::kUse,
            [](net::Request& request) { return json_response(costs(parse_body(request.body))); });
}

}  // namespace hone::serve
