#include "serve/jobs/worker.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace hone::serve {
namespace {

struct Launch {
  std::vector<std::string> arguments;
  std::vector<char*> argv;
  std::string output, log;
  WorkerLimits limits;
  pid_t parent = 0;
};

void limit(int what, int64_t most) {
  if (most <= 0) return;
  const auto value = static_cast<rlim_t>(most);
  const rlimit both{value, value};
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
  limit(RLIMIT_CPU, launch.limits.seconds);
  limit(RLIMIT_CORE, 1);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0) ::_exit(127);
  if (!redirect(launch.output.c_str(), STDOUT_FILENO) || !redirect(launch.log.c_str(), STDERR_FILENO)) ::_exit(127);
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
  launch.output = folder / "output.jsonl";
  launch.log = folder / "log.txt";
  launch.arguments = {program,  "train",     folder / "config.yaml",        "--resume",
                      "--json", "--threads", std::to_string(limits.threads)};
  for (std::string& argument : launch.arguments) launch.argv.push_back(argument.data());
  launch.argv.push_back(nullptr);
  process_ = ::fork();
  if (process_ == 0) become_worker(launch);
  if (process_ < 0) fail_work("worker", std::string("cannot be started: ") + std::strerror(errno));
}

Worker::~Worker() {
  if (ended()) return;
  kill();
  int state = 0;
  while (::waitpid(process_, &state, 0) < 0 && errno == EINTR) {
  }
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
