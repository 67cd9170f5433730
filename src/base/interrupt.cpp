#include "base/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace hone {
namespace {

std::atomic<bool> flag{false};
std::atomic<const char*> said{""};

void on_signal(int signal_number) {
  if (flag.exchange(true)) {
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
    return;
  }
  // Only async-signal-safe calls are allowed here.
  for (const char* part : {"\n", said.load(), "; press Ctrl-C again to stop at once\n"}) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, part, std::strlen(part));
  }
}

}  // namespace

void catch_interrupts(const char* what) {
  said = what;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
  return flag.load();
}
void set_interrupted(bool value) {
  flag.store(value);
}

}  // namespace hone
