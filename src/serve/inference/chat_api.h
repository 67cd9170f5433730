// /v1/chat/completions and /v1/completions.
#pragma once
#include "net/server.h"
#include "serve/ab/traffic.h"
#include "serve/inference/model_host.h"

namespace hone::serve {

/// The arguments must outlive the server, and the host the server's last answer.
void add_chat_api(net::Server& server, Traffic& traffic, ModelHost& host);
void add_completions_api(net::Server& server, Traffic& traffic, ModelHost& host);

}  // namespace hone::serve
