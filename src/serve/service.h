// The service as a whole: tables, files, jobs, the model, and the HTTP server in front of them.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"
#include "net/server.h"
#include "serve/ab/remote.h"
#include "serve/catalog.h"
#include "serve/embeddings/embedding_host.h"
#include "serve/files/files_api.h"
#include "serve/inference/model_host.h"
#include "serve/jobs/supervisor.h"

namespace hone::serve {

struct ServiceOptions {
  std::filesystem::path data;  ///< folder of all that the service keeps; made if missing
  std::string database;        ///< "" for data/hone.db, or postgresql://…
  net::Server::Options http;   ///< host, port, TLS, limits
  CatalogOptions catalog;
  HostOptions host;
  EmbeddingOptions embeddings;
  JobSettings jobs;
  RemoteOptions remote;  ///< services that variants of experiments may name
  FileLimits files;
  std::string api_key;  ///< "" for one that is made at the first start
  bool open = false;    ///< no key is asked for; on loopback alone
};

class Service {
 public:
  /// `decoder` and `text` must outlive it. Takes the folder for itself: a second service on it throws Error.
  Service(model::Decoder& decoder, const generate::ModelText& text, ServiceOptions options);
  ~Service();

  /// A key that was made by this start and is shown once; "" where there was one.
  const std::string& new_key() const;
  /// What is answered: {method, path, role}; a null role asks for no key.
  Json routes() const;
  void start();
  int port() const;
  /// Ends answers, saves the running job, closes.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::serve
