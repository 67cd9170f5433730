#include "client/fine_tune.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/strings.h"

namespace hone::client {
namespace {

constexpr const char* kJobs = "/fine_tuning/jobs";
constexpr const char* kFiles = "/files";
constexpr const char* kModels = "/models";

template <typename Item>
Page<Item> page_from(const Json& document, const std::string& place, Item (*read)(const Json&, const std::string&)) {
  const auto data = document.is_object() ? document.find("data") : document.end();
  if (data == document.end() || !data->is_array())
    fail_work(place, "did not answer with a list", "check the base URL; as a rule it ends in /v1");
  Page<Item> page;
  for (const Json& item : *data) page.items.push_back(read(item, place));
  const auto more = document.find("has_more");
  page.has_more = more != document.end() && more->is_boolean() && more->get<bool>();
  return page;
}

std::string page_query(int64_t limit, const std::string& after) {
  return "?limit=" + std::to_string(limit) + (after.empty() ? "" : "&after=" + path_segment(after));
}

std::string job_path(const std::string& job) {
  return std::string(kJobs) + "/" + path_segment(job);
}

std::string file_path(const std::string& file) {
  return std::string(kFiles) + "/" + path_segment(file);
}

std::string known_text(const std::string& id, const std::vector<std::string>& known, const std::string& collection) {
  constexpr size_t kShown = 5;
  const std::string what = collection.substr(collection.rfind('/') + 1);
  if (known.empty()) return "no " + what + " are known there";
  const std::vector<std::string> first(known.begin(), known.begin() + std::min(kShown, known.size()));
  return std::string(trim(did_you_mean(id, known) + " known " + what + ": " + join(first, ", ") +
                          (known.size() > kShown ? ", …" : "")));
}

}  // namespace

std::string job_body(const JobSettings& settings) {
  Json body = {{"model", settings.model}, {"training_file", settings.training_file}};
  if (!settings.validation_file.empty()) body["validation_file"] = settings.validation_file;
  if (!settings.suffix.empty()) body["suffix"] = settings.suffix;
  if (settings.seed) body["seed"] = *settings.seed;
  Json values = Json::object();
  if (settings.n_epochs) values["n_epochs"] = *settings.n_epochs;
  if (settings.batch_size) values["batch_size"] = *settings.batch_size;
  if (settings.learning_rate_multiplier) values["learning_rate_multiplier"] = *settings.learning_rate_multiplier;
  if (settings.beta) values["beta"] = *settings.beta;
  if (!settings.method.empty()) {
    body["method"] = {{"type", settings.method}};
    if (!values.empty()) body["method"][settings.method] = {{"hyperparameters", values}};
  } else if (!values.empty()) {
    body["hyperparameters"] = values;
  }
  for (const auto& [key, value] : settings.metadata) body["metadata"][key] = value;
  return to_line(body);
}

FineTune::FineTune(Endpoint endpoint) : endpoint_(std::move(endpoint)) {
  if (!endpoint_.certificates.empty()) client_.trust(endpoint_.certificates);
}

net::ClientAnswer FineTune::send(net::ClientRequest request, const std::string& path) {
  constexpr int kRefused = 300;
  request.url = endpoint_.base_url + path;
  if (!endpoint_.api_key.empty()) request.headers.emplace_back("Authorization", "Bearer " + endpoint_.api_key);
  request.retries = retries_;
  request.on_wait = on_wait_;
  net::ClientAnswer answer = client_.send(request);
  if (answer.status >= kRefused) throw api_error(endpoint_, path, answer);
  return answer;
}

Json FineTune::ask(const std::string& method, const std::string& path, const std::string& body) {
  net::ClientRequest request;
  request.method = method;
  request.body = body;
  const std::string text = send(std::move(request), path).body;
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object())
    fail_work(endpoint_.base_url + path, "did not answer in JSON", "check the base URL; as a rule it ends in /v1");
  return document;
}

std::vector<std::string> FineTune::names(const std::string& collection) {
  const int retries = std::exchange(retries_, 0);
  std::vector<std::string> found;
  try {
    const Json document = ask("GET", collection);
    for (const Json& item : document.value("data", Json::array())) {
      if (item.is_object() && item.contains("id") && item["id"].is_string()) found.push_back(item["id"]);
    }
  } catch (const std::exception&) {
    // A remedy is a courtesy; the refusal itself is what counts.
  }
  retries_ = retries;
  return found;
}

template <typename Call>
auto FineTune::naming(const std::string& collection, const std::string& id, const Call& call) {
  constexpr int kNotFound = 404;
  try {
    return call();
  } catch (const ApiError& error) {
    // With a remedy the address itself is wrong, and lists would be missing as well.
    if (error.status() != kNotFound || !error.remedy().empty()) throw;
    throw error.with_remedy(known_text(id, names(collection), collection));
  }
}

Job FineTune::create(const JobSettings& settings) {
  return naming(kModels, settings.model,
                [&] { return job_from(ask("POST", kJobs, job_body(settings)), endpoint_.base_url + kJobs); });
}

Page<Job> FineTune::list(int64_t limit, const std::string& after) {
  return page_from(ask("GET", kJobs + page_query(limit, after)), endpoint_.base_url + kJobs, job_from);
}

Job FineTune::retrieve(const std::string& job) {
  return naming(kJobs, job, [&] { return job_from(ask("GET", job_path(job)), endpoint_.base_url + kJobs); });
}

Job FineTune::cancel(const std::string& job) {
  return naming(kJobs, job,
                [&] { return job_from(ask("POST", job_path(job) + "/cancel"), endpoint_.base_url + kJobs); });
}

Json FineTune::remove(const std::string& id) {
  if (starts_with(id, "ftjob-")) {
    const Job job = retrieve(id);
    if (job.ended()) {
      fail_input(id, "is over (" + job.status + "); there is nothing to cancel",
                 job.fine_tuned_model.empty() ? "" : "delete what it made: " + job.fine_tuned_model);
    }
    return parse_json(cancel(id).json, id);
  }
  if (starts_with(id, "file-")) return naming(kFiles, id, [&] { return ask("DELETE", file_path(id)); });
  return naming(kModels, id, [&] { return ask("DELETE", std::string(kModels) + "/" + path_segment(id)); });
}

void FineTune::download(const std::string& file, const std::filesystem::path& path) {
  net::ClientRequest request;
  request.download = path;
  request.seconds = 0;  // as long as bytes come
  naming(kFiles, file, [&] { return send(request, file_path(file) + "/content"); });
}

Page<Event> FineTune::events(const std::string& job, int64_t limit, const std::string& after) {
  return naming(kJobs, job, [&] {
    return page_from(ask("GET", job_path(job) + "/events" + page_query(limit, after)), endpoint_.base_url + kJobs,
                     event_from);
  });
}

File FineTune::upload(const std::filesystem::path& path, const std::function<bool(int64_t, int64_t)>& on_sent) {
  require_exists(path, "file");
  if (!std::filesystem::is_regular_file(path)) fail_input(path.string(), "is no file", "give a JSONL file");
  net::ClientRequest request;
  request.method = "POST";
  request.seconds = 0;
  request.on_sent = on_sent;
  request.form = {
      {.name = "purpose", .body = "fine-tune"},
      {.name = "file", .file = path, .filename = path.filename().string(), .content_type = "application/octet-stream"}};
  const std::string text = send(std::move(request), kFiles).body;
  return file_from(Json::parse(text, nullptr, /*allow_exceptions=*/false), endpoint_.base_url + kFiles);
}

File FineTune::file(const std::string& id) {
  return naming(kFiles, id, [&] { return file_from(ask("GET", file_path(id)), endpoint_.base_url + kFiles); });
}

}  // namespace hone::client
