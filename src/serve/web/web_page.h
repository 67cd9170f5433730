// The page for people at /: its files lie in the program, ask for nothing elsewhere, and talk to the API with the key
// that its reader types. What the page is made of stands in page/; start at page/app.js.
#pragma once
#include "net/server.h"

namespace hone::serve {

/// GET / and GET /assets/…, for everybody: they hold nothing that is anybody's. `asks_key`: false where the service
/// lets everybody in.
void add_web_page(net::Server& server, bool asks_key);

}  // namespace hone::serve
