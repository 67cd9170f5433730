#include "serve/jobs/worker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace hone::serve {
namespace {

constexpr int64_t kCpuGrace = 5;  // at the first limit it is told (SIGXCPU, which says why), at the second it is killed

struct Launch {
  std::vector<std::string> arguments;
  std::vector<char*> argv;
  std::string log;
  int output = -1;
  WorkerLimits limits;
  pid_t parent = 0;
};

void limit(int what, int64_t most, int64_t grace = 0) {
  if (most <= 0) return;
  const rlimit both{static_cast<rlim_t>(most), static_cast<rlim_t>(most + grace)};
  ::setrlimit(what, &both);
}

bool redirect(const char* path, int to) {
  const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  return file >= 0 && ::dup2(file, to) >= 0;
}

/// In the child. Another thread of the parent may have held any lock when it was copied, so only functions that signal
/// handlers may call stand here.
[[noreturn]] void become_worker(const Launch& launch) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it died before the line above
  ::setpgid(0, 0);                                 // Ctrl-C at the server's terminal is the server's matter
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_DFL);
  ::setpriority(PRIO_PROCESS, 0, launch.limits.nice);
  limit(RLIMIT_DATA, launch.limits.memory_bytes);
  limit(RLIMIT_CPU, launch.limits.seconds, kCpuGrace);
  limit(RLIMIT_CORE, 1);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0) ::_exit(127);
  if (::dup2(launch.output, STDOUT_FILENO) < 0) ::_exit(127);
  // A full disk is no reason not to start: it may be freed.
  if (!redirect(launch.log.c_str(), STDERR_FILENO) && !redirect("/dev/null", STDERR_FILENO)) ::_exit(127);
  // The server's sockets and files are none of the worker's business.
  ::close_range(3, ~0U, 0);
  ::execv(launch.argv[0], launch.argv.data());
  ::_exit(127);
}

}  // namespace

Worker::Worker(const std::filesystem::path& folder, const WorkerLimits& limits) {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hone";
  Launch launch;
  launch.limits = limits;
  launch.parent = ::getpid();
  output_ = ::memfd_create("hone-worker", MFD_CLOEXEC);
  if (output_ < 0) fail_work("worker", std::string("cannot be started: ") + std::strerror(errno));
  launch.output = output_;
  launch.log = folder / "log.txt";
  launch.arguments = {program,  "train",     folder / "config.yaml",        "--resume",
                      "--json", "--threads", std::to_string(limits.threads)};
  for (std::string& argument : launch.arguments) launch.argv.push_back(argument.data());
  launch.argv.push_back(nullptr);
  process_ = ::fork();
  if (process_ == 0) become_worker(launch);
  if (process_ > 0) return;
  const int code = errno;
  ::close(output_);
  fail_work("worker", std::string("cannot be started: ") + std::strerror(code));
}

Worker::~Worker() {
  if (!ended()) {
    kill();
    int state = 0;
    while (::waitpid(process_, &state, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(output_);
}

std::string Worker::output() const {
  std::string text;
  std::array<char, 4096> piece{};
  ssize_t count = 0;
  while ((count = ::pread(output_, piece.data(), piece.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(piece.data(), static_cast<size_t>(count));
  }
  return text;
}

std::optional<Worker::Exit> Worker::ended() {
  if (exit_) return exit_;
  int state = 0;
  if (::waitpid(process_, &state, WNOHANG) != process_) return std::nullopt;
  exit_ = Exit{WIFEXITED(state) ? WEXITSTATUS(state) : 0, WIFSIGNALED(state) ? WTERMSIG(state) : 0};
  return exit_;
}

void Worker::stop() {
  if (!ended()) ::kill(process_, SIGTERM);
}

void Worker::kill() {
  if (!ended()) ::kill(process_, SIGKILL);
}

}  // namespace hone::serve
