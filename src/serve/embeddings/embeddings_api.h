// /v1/embeddings.
#pragma once
#include "net/server.h"
#include "serve/embeddings/embedding_host.h"

namespace hone::serve {

/// `host` may be null: then no model makes embeddings, and each name is unknown. It must outlive the server's answers.
void add_embeddings_api(net::Server& server, EmbeddingHost* host);

}  // namespace hone::serve
