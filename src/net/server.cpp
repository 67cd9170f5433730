#include "net/server.h"

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/leftovers.h"
#include "base/strings.h"
#include "net/admission.h"
#include "net/connection.h"
#include "net/transport.h"
#include "net/wire.h"

namespace hone::net {
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr rlim_t kOtherFiles = 256;  // besides one for each connection

/// A soft limit of 1,024 open files, the usual one, would end before the limit of connections does.
void raise_file_limit(rlim_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + kOtherFiles) return;
  limit.rlim_cur = std::min(limit.rlim_max, connections + kOtherFiles);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

/// Each I/O thread has an io_context of its own, and a connection stays on the one it was given: nothing that belongs
/// to one connection is ever touched by two threads.
struct Server::Impl {
  struct Shard {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::unordered_set<Connection*> connections;  // touched on its own thread
    std::thread thread;
  };

  explicit Impl(Options options) : admission(options.limits.connections, options.limits.connections_per_address) {
    site.options = std::move(options);
  }

  tcp::endpoint resolve(asio::io_context& context) const;
  void bind();
  awaitable<void> accept();
  void admit(tcp::socket socket, Shard& shard);
  void on_all(const std::function<void(Connection&)>& call);
  bool wait_for_connections(double seconds);

  Site site;
  Admission admission;
  std::unique_ptr<asio::ssl::context> tls;
  std::vector<std::unique_ptr<Shard>> shards;
  std::unique_ptr<tcp::acceptor> acceptor;  // on the first shard
  std::unique_ptr<asio::thread_pool> workers;
  std::mutex mutex;
  std::condition_variable changed;
  int open = 0;  // connections of all kinds, under the mutex
  int bound_port = 0;
};

tcp::endpoint Server::Impl::resolve(asio::io_context& context) const {
  const Options& options = site.options;
  const auto port = static_cast<asio::ip::port_type>(options.port);
  error_code fault;
  const auto address = asio::ip::make_address(options.host, fault);
  if (!fault) return {address, port};
  const auto found = tcp::resolver(context).resolve(options.host, std::to_string(options.port), fault);
  if (fault || found.empty())
    fail_input("address " + options.host, "is not known: " + fault.message(),
               "give an address of this machine, such as 127.0.0.1");
  return found.begin()->endpoint();
}

void Server::Impl::bind() {
  const Options& options = site.options;
  const std::string place = "address " + options.host + ":" + std::to_string(options.port);
  if (options.port < 0 || options.port > 65535) fail_input(place, "a port is 0 to 65535");
  const tcp::endpoint endpoint = resolve(shards.front()->context);
  acceptor = std::make_unique<tcp::acceptor>(shards.front()->context);
  error_code fault;
  acceptor->open(endpoint.protocol(), fault);
  if (!fault) acceptor->set_option(tcp::acceptor::reuse_address(true), fault);
  if (!fault) acceptor->bind(endpoint, fault);
  if (!fault) acceptor->listen(asio::socket_base::max_listen_connections, fault);
  if (fault) {
    std::string remedy = "choose an address of this machine and a free port (port 0: any that is free)";
    if (fault == asio::error::address_in_use)
      remedy = "another program listens there: stop it, or choose another port (0: any that is free)";
    if (fault == asio::error::access_denied) remedy = "ports below 1024 need a privilege: choose a higher one";
    fail_input(place, "cannot be listened on: " + fault.message(), remedy);
  }
  bound_port = acceptor->local_endpoint().port();
}

awaitable<void> Server::Impl::accept() {
  for (size_t turn = 0; !site.stopping; ++turn) {
    Shard& shard = *shards[turn % shards.size()];
    tcp::socket socket(shard.context);
    error_code fault;
    co_await acceptor->async_accept(socket, asio::redirect_error(use_awaitable, fault));
    if (site.stopping) co_return;
    if (!fault) {
      admit(std::move(socket), shard);
      continue;
    }
    if (fault == asio::error::connection_aborted) continue;
    // Out of file descriptors, mostly: some will come back.
    site.log("a connection cannot be accepted: " + fault.message());
    asio::steady_timer pause(shards.front()->context, std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::redirect_error(use_awaitable, fault));
  }
}

void Server::Impl::admit(tcp::socket socket, Shard& shard) {
  error_code fault;
  auto address = socket.remote_endpoint(fault).address();
  if (fault) return;  // it has left already
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  std::string network = address.to_string();
  if (address.is_v6()) {
    const auto bytes = address.to_v6().to_bytes();
    network.assign(bytes.begin(), bytes.begin() + 8);  // what one customer is given
    network += "/64";                                  // no such text is an address of version 4
  }
  const Admission::Verdict verdict = admission.enter(network);
  if (verdict == Admission::Verdict::kDrop) return;
  {
    const std::lock_guard lock(mutex);
    ++open;
  }
  const Limits& limits = site.options.limits;
  auto wire = std::make_shared<Wire>(
      make_transport(std::move(socket), tls.get()),
      Wire::Options{.input_bytes = static_cast<size_t>(limits.header_bytes + limits.uri_bytes) + (64 << 10),
                    .stall_seconds = limits.write_stall_seconds});
  auto connection = std::make_shared<Connection>(site, std::move(wire), address.to_string());
  const bool refused = verdict == Admission::Verdict::kRefuse;
  const auto serve = [&shard, connection, refused]() -> awaitable<void> {
    shard.connections.insert(connection.get());
    if (refused)
      co_await connection->refuse();
    else
      co_await connection->run();
  };
  asio::co_spawn(shard.context, serve, [this, &shard, connection, network, verdict](const std::exception_ptr& failure) {
    if (failure) {
      connection->abort();
      site.log("a connection ended with an exception");
    }
    shard.connections.erase(connection.get());
    admission.leave(network, verdict);
    const std::lock_guard lock(mutex);
    --open;
    changed.notify_all();
  });
}

void Server::Impl::on_all(const std::function<void(Connection&)>& call) {
  for (const auto& shard : shards) {
    asio::post(shard->context, [&shard = *shard, call] {
      for (Connection* connection : shard.connections) call(*connection);
    });
  }
}

bool Server::Impl::wait_for_connections(double seconds) {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return open == 0; });
}

Server::Server(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Server::~Server() {
  stop(0);
}

void Server::route(const std::string& method, const std::string& pattern, Handler handler, RouteOptions options) {
  const size_t index = impl_->site.router.add(method, pattern);
  impl_->site.routes.resize(index + 1);
  impl_->site.routes[index] = {method, pattern, std::move(handler), options};
}

std::vector<RouteInfo> Server::routes() const {
  std::vector<RouteInfo> all;
  for (const Route& route : impl_->site.routes) all.push_back({route.method, route.pattern, route.options});
  return all;
}

void Server::start() {
  Impl& impl = *impl_;
  const Options& options = impl.site.options;
  if (options.tls_certificate.empty() != options.tls_key.empty())
    fail_input("TLS", "a certificate and its key belong together", "give both files, or neither");
  if (!options.tls_certificate.empty()) impl.tls = make_tls_context(options.tls_certificate, options.tls_key);
  if (!options.spool.empty()) sweep_leftovers(options.spool);
  raise_file_limit(static_cast<rlim_t>(options.limits.connections));
  for (int i = 0; i < std::max(1, options.io_threads); ++i) impl.shards.push_back(std::make_unique<Impl::Shard>());
  try {
    impl.bind();
  } catch (...) {
    impl.acceptor.reset();  // stands on the first shard
    impl.shards.clear();
    throw;
  }
  impl.workers = std::make_unique<asio::thread_pool>(static_cast<size_t>(std::max(1, options.worker_threads)));
  impl.site.post_work = [&workers = *impl.workers](std::function<void()> job) { asio::post(workers, std::move(job)); };
  asio::co_spawn(
      impl.shards.front()->context, [&impl] { return impl.accept(); }, [](const std::exception_ptr&) {});
  for (const auto& shard : impl.shards) shard->thread = std::thread([&shard = *shard] { shard.context.run(); });
}

int Server::port() const {
  return impl_->bound_port;
}

void Server::stop(double seconds) {
  Impl& impl = *impl_;
  if (impl.shards.empty()) return;
  impl.site.stopping = true;
  std::promise<void> closed;  // then no further connection is on its way in
  asio::post(impl.shards.front()->context, [&impl, &closed] {
    impl.acceptor->close();
    closed.set_value();
  });
  closed.get_future().wait();
  impl.on_all([](Connection& connection) { connection.notify(); });
  if (!impl.wait_for_connections(seconds)) {
    do {
      impl.on_all([](Connection& connection) { connection.abort(); });
    } while (!impl.wait_for_connections(1));  // again: one may be waiting for a worker
  }
  impl.workers->join();
  for (const auto& shard : impl.shards) {
    shard->guard.reset();  // the thread ends when nothing is left to be done
    shard->thread.join();
  }
  impl.acceptor.reset();
  impl.shards.clear();
}

}  // namespace hone::net
