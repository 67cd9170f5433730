// A PostgreSQL server of our own in a temporary folder, on a socket there and on no port, for as long as a test needs.
#pragma once
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "store/database.h"
#include "temporary_folder.h"

namespace hone::store {

class PostgresServer {
 public:
  enum class Sync { kOff, kOn };  // a process that is killed loses nothing without fsync; a machine would

  /// The folder of the server's programs as Debian's package installs them, or "" where it is missing.
  static std::string programs() {
    std::error_code ignored;
    std::filesystem::path found;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
      const auto folder = entry.path() / "bin";
      if (std::filesystem::exists(folder / "initdb") && std::filesystem::exists(folder / "postgres")) found = folder;
    }
    return found;
  }

  explicit PostgresServer(Sync sync = Sync::kOff) : sync_(sync) {
    if (::geteuid() == 0) {  // which the server refuses to run as
      user_ = ::getpwnam("postgres");
      if (user_ == nullptr) throw std::runtime_error("there is no user postgres");
      if (::chown(folder_.path().c_str(), user_->pw_uid, user_->pw_gid) != 0) throw std::runtime_error("chown");
    }
    const std::string initdb = programs() + "/initdb";
    const int status = wait_for(run({initdb, "-D", data(), "-U", "hone", "-A", "trust", "-E", "UTF8", "--locale=C",
                                     "--no-sync", "--no-instructions"}));
    if (status != 0) throw std::runtime_error("initdb failed: " + read_file(folder_ / "log"));
    start();
  }
  ~PostgresServer() { stop(SIGINT); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void start() {
    process_ =
        run({programs() + "/postgres", "-D", data(), "-k", folder_.path().string(), "-c", "listen_addresses=", "-c",
             sync_ == Sync::kOn ? "fsync=on" : "fsync=off", "-c", "shared_buffers=16MB"});
    for (int tries = 0; tries < 600; ++tries) {
      try {
        Database::open(uri("postgres"));
        return;
      } catch (const Error&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }
    throw std::runtime_error("the server does not start: " + read_file(folder_ / "log"));
  }

  /// SIGINT ends it in order, SIGQUIT as if it had crashed.
  void stop(int signal) {
    if (process_ <= 0) return;
    ::kill(process_, signal);
    wait_for(process_);
    process_ = -1;
  }

  std::string uri(const std::string& database) const {
    return "postgresql://hone@/" + database + "?host=" + folder_.path().string();
  }

  /// A connection string of a new, empty database.
  std::string new_database() {
    const std::string name = "test" + std::to_string(++databases_);
    Database::open(uri("postgres"))->execute("CREATE DATABASE " + name);
    return uri(name);
  }

 private:
  std::string data() const { return folder_ / "data"; }

  static int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  /// Starts a program as the server's user, its output in the log. It ends when this process does.
  pid_t run(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
    arguments.push_back(nullptr);
    const std::string log = folder_ / "log";
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (user_ != nullptr && (::setgid(user_->pw_gid) != 0 || ::setuid(user_->pw_uid) != 0)) ::_exit(120);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    if (::chdir(folder_.path().c_str()) != 0) ::_exit(121);
    ::execv(arguments[0], arguments.data());
    ::_exit(122);
  }

  const Sync sync_;
  const passwd* user_ = nullptr;
  TemporaryFolder folder_;
  pid_t process_ = -1;
  int databases_ = 0;
};

}  // namespace hone::store
