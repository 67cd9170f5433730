#include "base/leftovers.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "temporary_folder.h"

namespace hone {
namespace {

/// The number of a process that has ended.
int gone() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST(Leftovers, OfProcessesThatHaveEndedGo) {
  const TemporaryFolder folder;
  const std::string dead = ".tmp-" + std::to_string(gone()), alive = ".tmp-" + std::to_string(::getpid());
  for (const std::string& name :
       {".final" + dead, ".best" + dead + ".old", ".x.json" + dead, ".final" + alive, std::string("final"),
        std::string("best"), std::string(".tmp-1x"), std::string("notes.tmp-1"), ".lost" + dead + ".old"}) {
    std::filesystem::create_directory(folder / name);
    write_file(folder / name / "content", name);
  }
  sweep_leftovers(folder.path());
  for (const std::string& name :
       {".final" + dead, ".best" + dead + ".old", ".x.json" + dead, ".lost" + dead + ".old"}) {
    EXPECT_FALSE(std::filesystem::exists(folder / name)) << name;
  }
  for (const std::string& name :
       {".final" + alive, std::string("final"), std::string(".tmp-1x"), std::string("notes.tmp-1")}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
  // What was there is not replaced by what was before it; what is missing comes back.
  EXPECT_EQ(read_file(folder / "best" / "content"), "best");
  EXPECT_EQ(read_file(folder / "lost" / "content"), ".lost" + dead + ".old");
  sweep_leftovers(folder / "no such folder");
}

}  // namespace
}  // namespace hone
