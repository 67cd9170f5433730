// Which requests come from this machine: what a server without keys must know.
#pragma once
#include <string_view>

#include "net/message.h"

namespace hone::serve {

/// 127.0.0.0/8, ::1 and localhost, as they are written in an address to bind or in a URL.
bool is_loopback(std::string_view host);
/// False where a browser says that a page from elsewhere asks (Origin, Sec-Fetch-Site), or where the name that it asked
/// for is no loopback name: anybody can let a name of his own point to 127.0.0.1 and call the answer his own site's.
bool comes_from_here(const net::Request& head);

}  // namespace hone::serve
