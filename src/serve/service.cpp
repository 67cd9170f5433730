#include "serve/service.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "serve/ab/experiments_api.h"
#include "serve/ab/guard_watch.h"
#include "serve/ab/traffic.h"
#include "serve/api_error.h"
#include "serve/costs_api.h"
#include "serve/embeddings/embeddings_api.h"
#include "serve/feedback/dataset_api.h"
#include "serve/feedback/feedback_api.h"
#include "serve/files/file_validation.h"
#include "serve/ids.h"
#include "serve/inference/chat_api.h"
#include "serve/inference/remove_model.h"
#include "serve/jobs/jobs_api.h"
#include "serve/legacy/fine_tunes_api.h"
#include "serve/loopback.h"
#include "serve/paging.h"
#include "serve/routes.h"
#include "serve/schema.h"
#include "serve/web/web_page.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

/// Uploads and staged jobs of a server that was killed.
void sweep(const fs::path& spool, const fs::path& jobs) {
  std::error_code ignored;
  fs::remove_all(spool, ignored);
  fs::create_directories(spool);
  if (!fs::exists(jobs)) return;
  for (const auto& entry : fs::directory_iterator(jobs)) {
    if (starts_with(entry.path().filename().string(), ".")) fs::remove_all(entry.path(), ignored);
  }
}

/// One service a folder, for as long as this lives; the kernel lets go of it even after kill -9. What lies about in a
/// folder that is another's is that one's work, so it is swept only once the folder is ours.
class FolderLock {
 public:
  FolderLock(const fs::path& folder, const fs::path& spool, const fs::path& jobs) {
    const std::string path = folder / "lock";
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0) fail_input(path, "cannot be opened", "check that the folder may be written to");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      fail_input(folder.string(), "is in use by another hone serve", "end it, or choose another --data-dir");
    }
    sweep(spool, jobs);
  }
  ~FolderLock() { ::close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

std::set<std::string> endpoint_names(const RemoteOptions& remote) {
  std::set<std::string> names;
  for (const auto& [name, endpoint] : remote.endpoints) names.insert(name);
  return names;
}

}  // namespace

struct Service::Impl {
  Impl(model::Decoder& decoder, const generate::ModelText& text, ServiceOptions chosen)
      : options(complete(std::move(chosen))),
        lock(options.data, options.http.spool, options.jobs.folder),
        database(store::Database::open(options.database)),
        records(migrated(*database)),
        blobs(options.data / "blobs"),
        files(records, blobs),
        keys(*database, options.open),
        catalog(records, options.catalog),
        supervisor(records, files, catalog, options.jobs),
        jobs(records, files, catalog, supervisor),
        event_streams(records),
        experiments(records, catalog, endpoint_names(options.remote)),
        guards([this](const std::string& experiment) { experiments.check_guards(experiment); }),
        recorder(*database, [this](const std::set<std::string>& noticed) { guards.notice(noticed); }),
        feedback(records),
        server(options.http),
        remote(options.remote),
        traffic(experiments, catalog, recorder, remote),
        host(decoder, text, options.host),
        embeddings(options.embeddings.folder.empty() ? nullptr : std::make_unique<EmbeddingHost>(options.embeddings)) {
    if (embeddings) {
      check_name();
      experiments.reserve(embeddings->name());
    }
    if (!options.api_key.empty())
      keys.accept(options.api_key, "admin", Role::kAdmin);
    else if (!options.open && keys.empty())
      new_key = keys.create("admin", Role::kAdmin);
    add_routes();
  }

  ServiceOptions complete(ServiceOptions chosen);
  static Records migrated(store::Database& database) {
    store::migrate(database, migrations());
    return Records(database);
  }
  void check_name() const;
  void add_routes();
  /// As models are listed.
  ServedModel encoder() const { return {embeddings->name(), {}, started_at, "hone"}; }
  ServedModel model(const std::string& name, const Caller& caller) {
    return embeddings && name == embeddings->name() ? encoder() : catalog.find(name, caller);
  }

  ServiceOptions options;
  FolderLock lock;
  std::unique_ptr<store::Database> database;
  Records records;
  store::Blobs blobs;
  Files files;
  Keys keys;
  Catalog catalog;
  Supervisor supervisor;
  Jobs jobs;
  EventStreams event_streams;
  Experiments experiments;
  GuardWatch guards;
  Recorder recorder;
  FeedbackTable feedback;
  net::Server server;
  Remote remote;  // after the server: its last answers go through it
  Traffic traffic;
  ModelHost host;                             // likewise
  std::unique_ptr<EmbeddingHost> embeddings;  // likewise
  const int64_t started_at = unix_now();
  std::string new_key;
};

ServiceOptions Service::Impl::complete(ServiceOptions chosen) {
  if (chosen.open && !is_loopback(chosen.http.host)) {
    fail_input("--no-auth", "would let everybody who reaches " + chosen.http.host + " in",
               "leave it out, or bind 127.0.0.1");
  }
  // A folder that was there keeps the rights that somebody gave it.
  if (fs::create_directories(chosen.data)) fs::permissions(chosen.data, fs::perms::owner_all);
  if (chosen.database.empty()) chosen.database = chosen.data / "hone.db";
  chosen.jobs.folder = chosen.data / "jobs";
  chosen.jobs.models = chosen.data / "models";
  chosen.http.spool = chosen.data / "spool";
  chosen.http.authorize = [this](const std::string&, const std::string&, net::Request& head) {
    return keys.authorize(head);
  };
  chosen.http.error = server_error;
  if (chosen.files.max_stored > 0) {
    chosen.http.spool_room = [data = chosen.data, most = chosen.files.max_stored] {
      return std::max<int64_t>(0, most - stored_bytes(data));
    };
  }
  return chosen;
}

void Service::Impl::check_name() const {
  if (catalog.is_fixed(embeddings->name())) {
    fail_input("--embedding-model", "the name " + embeddings->name() + " is taken by the model that answers chats",
               "give it another by --served-embedding-name");
  }
}

void Service::Impl::add_routes() {
  server.route("GET", "/health",
               [](net::Request&&, net::Responder responder) {
                 responder.send(json_response({{"status", "ok"}}));
               },
               {.open = true});
  add_files_api(server, files, records, options.files);
  add_file_validation_api(server, files, host.text(), static_cast<uint32_t>(options.jobs.max_length));
  add_jobs_api(server, jobs);
  add_keys_api(server, keys);
  add_route(server, "GET", "/v1/models", Role::kUse, [this](net::Request& request) {
    Json data = Json::array();
    for (const ServedModel& model : catalog.all(caller_of(request))) data.push_back(model_json(model));
    for (const ServedModel& model : experiments.models(caller_of(request))) data.push_back(model_json(model));
    if (embeddings) data.push_back(model_json(encoder()));
    return json_response({{"object", "list"}, {"data", data}});
  });
  add_route(server, "GET", "/v1/models/{model}", Role::kUse, [this](net::Request& request) {
    const std::string& name = request.path_values.at("model");
    const auto experiment = experiments.named(name, caller_of(request));
    return json_response(model_json(experiment ? Experiments::served(*experiment) : model(name, caller_of(request))));
  });
  add_route(server, "DELETE", "/v1/models/{model}", Role::kTrain, [this](net::Request& request) {
    const ServedModel found = model(request.path_values.at("model"), caller_of(request));
    if (found.adapter.empty()) throw ApiError(403, "The base model " + found.name + " cannot be deleted.", "model", "");
    remove_model(records, host, found.name);
    return json_response({{"id", found.name}, {"object", "model"}, {"deleted", true}});
  });
  add_experiments_api(server, experiments, recorder);
  add_feedback_api(server, feedback, experiments, recorder, guards);
  add_dataset_api(server, experiments, files, jobs, options.http.spool);
  add_chat_api(server, traffic, host);
  add_completions_api(server, traffic, host);
  add_fine_tunes_api(server, jobs, event_streams, host);
  add_embeddings_api(server, embeddings.get());
  add_costs_api(server);
  add_web_page(server, !options.open);
}

Service::Service(model::Decoder& decoder, const generate::ModelText& text, ServiceOptions options)
    : impl_(std::make_unique<Impl>(decoder, text, std::move(options))) {}

Service::~Service() {
  stop();
}

const std::string& Service::new_key() const {
  return impl_->new_key;
}

void Service::start() {
  impl_->supervisor.start();
  impl_->server.start();
}

Json Service::routes() const {
  Json all = Json::array();
  for (const net::RouteInfo& route : impl_->server.routes()) {
    const Json role = route.options.open ? Json(nullptr) : Json(role_name(static_cast<Role>(route.options.permission)));
    all.push_back({{"method", route.method}, {"path", route.pattern}, {"role", role}});
  }
  return all;
}

int Service::port() const {
  return impl_->server.port();
}

void Service::stop() {
  constexpr double kLastAnswersSeconds = 5;
  impl_->event_streams.stop();  // they would last as long as their jobs
  impl_->server.stop(kLastAnswersSeconds);
  impl_->supervisor.stop();
}

}  // namespace hone::serve
