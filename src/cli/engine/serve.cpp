// hone serve: OpenAI's API on a model of one's own.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/engine/engine_options.h"
#include "cli/engine/option_file.h"
#include "serve/service.h"

namespace hone::cli {
namespace {

struct Options {
  ModelChoice model;
  serve::ServiceOptions service;
  std::string chat_template, data_dir = "hone-data";
  std::vector<std::string> aliases, endpoints;
  int64_t max_upload_mib = 512, max_storage_mib = 0, job_memory_mib = 0;
  bool json = false;
};

std::map<std::string, std::string> read_aliases(const std::vector<std::string>& given) {
  std::map<std::string, std::string> aliases;
  for (const std::string& pair : given) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == pair.size()) {
      fail_input("--alias", "\"" + excerpt(pair, 80) + "\" is not NAME=TARGET",
                 "write --alias my-bot=latest:customer-support");
    }
    aliases[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return aliases;
}

/// The key of each comes from HONE_ENDPOINT_NAME_KEY: options can be read by whoever lists processes.
std::map<std::string, serve::Endpoint> read_endpoints(const std::vector<std::string>& given) {
  std::map<std::string, serve::Endpoint> endpoints;
  for (const std::string& pair : given) {
    const size_t equals = pair.find('=');
    const std::string name = pair.substr(0, equals);
    std::string url = equals == std::string::npos ? "" : pair.substr(equals + 1);
    while (ends_with(url, "/")) url.pop_back();
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return (c < 0x80 && std::isalnum(c) != 0) || c == '-' || c == '_' || c == '.';
    });
    if (!plain || name.size() > 64 || (!starts_with(url, "http://") && !starts_with(url, "https://"))) {
      fail_input("--endpoint", "\"" + excerpt(pair, 80) + "\" is not NAME=URL",
                 "write --endpoint other=https://host/v1; a name has letters, digits, '-', '_' and '.'");
    }
    std::string variable = "HONE_ENDPOINT_";
    for (const char c : name)
      variable += std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::toupper(c)) : '_';
    const char* key = std::getenv((variable + "_KEY").c_str());
    endpoints[name] = {url, key == nullptr ? "" : key};
  }
  return endpoints;
}

std::string address(const serve::ServiceOptions& options, int port) {
  const std::string& host = options.http.host;
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(options.http.tls_certificate.empty() ? "http://" : "https://") + (v6 ? "[" + host + "]" : host) +
         ":" + std::to_string(port);
}

/// Of postgresql://user:password@host/name?password=…
std::string without_password(const std::string& url) {
  std::string shown = url;
  const size_t scheme = shown.find("://"), at = shown.rfind('@');
  const size_t colon = scheme == std::string::npos ? scheme : shown.find(':', scheme + 3);
  if (at != std::string::npos && colon < at) shown.erase(colon, at - colon);
  for (size_t found = shown.find("password="); found != std::string::npos; found = shown.find("password=", found + 9)) {
    shown.erase(found + 9, std::min(shown.find('&', found), shown.size()) - found - 9);
  }
  return shown;
}

OptionFileRules file_rules() {
  return {.left_out = {"json", "adapter"},
          .required = {"model"},
          .limits = {{"port", {.min = 0, .max = 65535}},
                     {"threads", {.min = 0}},
                     {"max_running", {.min = 1}},
                     {"max_waiting", {.min = 0}},
                     {"context_length", {.min = 0}},
                     {"max_upload_mib", {.min = 1, .max = 1 << 20}},
                     {"max_storage_mib", {.min = 0, .max = 1 << 30}},
                     {"job_threads", {.min = 0}},
                     {"job_memory_mib", {.min = 0, .max = 1 << 30}},
                     {"job_cpu_seconds", {.min = 0}},
                     {"job_save_seconds", {.min = 0}},
                     {"job_rank", {.min = 1}},
                     {"job_max_length", {.min = 2}},
                     {"job_learning_rate", {.above = 0}}},
          .aliases = {{"model_name_or_path", "model"},
                      {"dtype", "compute_dtype"},
                      {"max_model_len", "context_length"},
                      {"ctx_size", "context_length"},
                      {"max_num_seqs", "max_running"},
                      {"parallel", "max_running"},
                      {"ssl_certfile", "tls_certificate"},
                      {"ssl_cert_file", "tls_certificate"},
                      {"ssl_keyfile", "tls_key"},
                      {"ssl_key_file", "tls_key"},
                      {"database_url", "database"},
                      {"served_model", "served_model_name"},
                      {"model_alias", "alias"}},
          .secrets = {{"api_key", [](const std::string&) { return std::string(); }}, {"database", without_password}}};
}

void run(Options options) {
  catch_interrupts("ending: answers that run may finish, a running job saves");
  serve::ServiceOptions& service = options.service;
  if (service.catalog.base_names.empty()) {
    service.catalog.base_names = {std::filesystem::weakly_canonical(options.model.model).filename().string()};
  }
  service.catalog.base_folder = std::filesystem::absolute(options.model.model);
  service.catalog.aliases = read_aliases(options.aliases);
  service.remote.endpoints = read_endpoints(options.endpoints);
  service.data = options.data_dir;
  service.embeddings.max_waiting = std::min(service.embeddings.max_waiting, service.host.max_waiting);
  service.jobs.limits.memory_bytes = options.job_memory_mib << 20;
  service.files.max_bytes = options.max_upload_mib << 20;
  service.files.max_stored = options.max_storage_mib << 20;
  if (!options.model.adapter.empty()) {
    fail_input("--adapter", "would answer in the base's name, while jobs train on the base alone",
               "merge it first: hone merge --model MODEL --adapter DIR --output MERGED, then serve MERGED");
  }
  service.jobs.quantization = options.model.quantization;
  service.jobs.double_quant = options.model.double_quant;
  const bool is_file = std::filesystem::is_regular_file(options.chat_template);
  service.jobs.chat_template =
      is_file ? std::filesystem::absolute(options.chat_template).string() : options.chat_template;
  const generate::ModelText text(options.model.model, options.model.adapter, options.chat_template);
  const auto decoder = load_model(options.model);
  serve::Service running(*decoder, text, service);
  running.start();
  const std::string where = address(service, running.port());
  if (options.json) {
    Json line = {{"address", where},
                 {"base_url", where + "/v1"},
                 {"model", service.catalog.base_names.front()},
                 {"routes", running.routes()}};
    if (!running.new_key().empty()) line["api_key"] = running.new_key();
    std::printf("%s\n", to_line(line).c_str());
  } else {
    std::printf("hone serves %s on %s\n", service.catalog.base_names.front().c_str(), where.c_str());
    if (!running.new_key().empty()) std::printf("API key (shown this once): %s\n", running.new_key().c_str());
    std::printf("  export OPENAI_BASE_URL=%s/v1 OPENAI_API_KEY=%s\n", where.c_str(),
                running.new_key().empty() ? "…" : running.new_key().c_str());
  }
  std::fflush(stdout);
  while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  running.stop();
}

}  // namespace

void set_up_serve(CLI::App& app) {
  auto options = std::make_shared<Options>();
  serve::ServiceOptions& service = options->service;
  options->model.compute_dtype = "stored";
  add_model_options(app, options->model);
  app.add_option("--served-model-name", service.catalog.base_names,
                 "Names that clients may use for the model; the first is its own (default: the folder's)")
      ->type_name("NAME");
  app.add_option("--alias", options->aliases,
                 "A further name: NAME=MODEL, or NAME=latest:SUFFIX for the newest fine-tuned model of that suffix")
      ->type_name("NAME=TARGET");
  app.add_option(
         "--endpoint", options->endpoints,
         "Another OpenAI-compatible service that experiments may send users to: NAME=URL up to and with /v1; its "
         "key is taken from HONE_ENDPOINT_NAME_KEY")
      ->type_name("NAME=URL");
  app.add_option("--organization", service.catalog.organization, "Third part of fine-tuned models' names")
      ->capture_default_str();
  app.add_option("--host", service.http.host, "Address to listen on")->capture_default_str();
  service.http.port = 8000;
  app.add_option("--port", service.http.port, "Port (0: one that is free)")->capture_default_str();
  app.add_option("--data-dir", options->data_dir, "Folder of files, jobs and models; made if missing")
      ->capture_default_str();
  app.add_option("--database", service.database, "postgresql://… in place of SQLite in the data folder")
      ->type_name("URL");
  app.add_option("--api-key", service.api_key, "An administrator's key (default: made at the first start)")
      ->envname("HONE_API_KEY");
  app.add_flag("--no-auth", service.open, "Ask for no key; on a loopback address alone");
  app.add_option("--tls-certificate", service.http.tls_certificate, "PEM file; with --tls-key the server speaks HTTPS")
      ->type_name("FILE");
  app.add_option("--tls-key", service.http.tls_key, "PEM file")->type_name("FILE");
  app.add_option("--chat-template", options->chat_template,
                 "File or name of a built-in template in place of the model's")
      ->type_name("TEMPLATE");
  app.add_option("--max-running", service.host.engine.max_running, "Answers that are generated together")
      ->capture_default_str();
  app.add_option("--max-waiting", service.host.max_waiting, "Answers that may wait; more get 429")
      ->capture_default_str();
  app.add_option("--embedding-model", service.embeddings.folder, "Folder of an encoder that answers /v1/embeddings")
      ->type_name("DIR");
  app.add_option("--served-embedding-name", service.embeddings.name, "Its name for clients (default: the folder's)")
      ->type_name("NAME");
  app.add_option("--context-length", service.host.engine.context_limit, "Tokens of prompt and answer (0: the model's)")
      ->capture_default_str();
  app.add_option("--max-upload-mib", options->max_upload_mib, "Largest file")->capture_default_str();
  app.add_option("--max-storage-mib", options->max_storage_mib,
                 "Uploads are refused beyond this much of files, jobs and models (0: as much as the disk holds)")
      ->capture_default_str();
  app.add_option("--job-threads", service.jobs.limits.threads, "Threads of a training job (0: all cores)")
      ->capture_default_str();
  app.add_option("--job-memory-mib", options->job_memory_mib, "Most private memory of a training job (0: no limit)")
      ->capture_default_str();
  app.add_option("--job-cpu-seconds", service.jobs.limits.seconds,
                 "Most processor time of a training job in one go (0: no limit)")
      ->capture_default_str();
  app.add_option("--job-save-seconds", service.jobs.save_seconds,
                 "Time between two savings of a training job: what a kill costs at most")
      ->capture_default_str();
  app.add_option("--job-rank", service.jobs.lora_rank, "lora r of training jobs")->capture_default_str();
  app.add_option("--job-max-length", service.jobs.max_length, "Tokens of a training example; longer ones are cut")
      ->capture_default_str();
  app.add_option("--job-learning-rate", service.jobs.learning_rate, "What a learning_rate_multiplier of 1 stands for")
      ->capture_default_str();
  app.add_flag("--json", options->json, "Print the address and key as one JSON object");
  const auto file = std::make_shared<OptionFile>(app, file_rules());
  app.callback([options, file] {
    if (file->read(options->json)) run(*options);
  });
}

}  // namespace hone::cli
