#include "base/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace hone {
namespace {

TEST(Interrupts, TheFlagCanBeSetByHand) {
  set_interrupted(true);
  EXPECT_TRUE(interrupted());
  set_interrupted(false);
  EXPECT_FALSE(interrupted());
}

/// How a child process ends that runs `body`.
template <typename Body>
int status_of(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    body();
    ::_exit(3);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

TEST(Interrupts, TheFirstSignalOnlySetsTheFlag) {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    const int status = status_of([&] {
      catch_interrupts();
      ::raise(signal_number);
      ::_exit(interrupted() ? 0 : 4);
    });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
}

TEST(Interrupts, TheSecondSignalEndsTheProgram) {
  const int status = status_of([] {
    catch_interrupts();
    ::raise(SIGINT);
    ::raise(SIGINT);
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
}

}  // namespace
}  // namespace hone
