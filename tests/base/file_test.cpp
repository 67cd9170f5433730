#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/random.h"
#include "error_of.h"
#include "temporary_folder.h"

namespace hone {
namespace fs = std::filesystem;
namespace {

size_t entries_in(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

TEST(Files, AreWrittenAndReadWhole) {
  const TemporaryFolder folder;
  const std::string content = std::string("가나다\0\n", 11) + std::string(200'000, 'x');
  write_file(folder / "f", content);
  EXPECT_EQ(read_file(folder / "f"), content);
  const MappedFile mapped(folder / "f");
  EXPECT_EQ(mapped.view(), content);
  write_file(folder / "f", "");
  EXPECT_EQ(read_file(folder / "f"), "");
  EXPECT_EQ(MappedFile(folder / "f").size(), 0u);
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

TEST(Files, AMappingOutlivesItsObjectThroughTheHolder) {
  const TemporaryFolder folder;
  write_file(folder / "f", "content");
  std::shared_ptr<const void> holder;
  std::string_view view;
  {
    const MappedFile mapped(folder / "f");
    holder = mapped.holder();
    view = mapped.view();
  }
  EXPECT_EQ(view, "content");
}

TEST(Files, AMissingOneIsNamedWithANearName) {
  const TemporaryFolder folder;
  write_file(folder / "train.jsonl", "");
  const Error error = error_of([&] { read_file(folder / "trian.jsonl"); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_TRUE(contains(error.place(), "trian.jsonl"));
  EXPECT_TRUE(contains(error.remedy(), "train.jsonl"));
  EXPECT_THROW(MappedFile(folder.path()), Error);  // a folder is not a file
}

TEST(Files, WithoutCommitNothingAppears) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "f");
    file.write("half");
  }
  EXPECT_EQ(entries_in(folder.path()), 0u);
}

TEST(Files, AFolderThatIsMissingIsAFailureOfTheWork) {
  const TemporaryFolder folder;
  const Error error = error_of([&] { write_file(folder.path() / "absent" / "f", "x"); });
  EXPECT_EQ(error.kind(), ErrorKind::kFailure);
  EXPECT_TRUE(contains(error.place(), "absent/f"));
}

// A limit on file size makes write() fail in the middle as a full disk does, without needing one.
TEST(Files, AFullDiskLeavesTheOldFileAndNoRest) {
  const TemporaryFolder folder;
  write_file(folder / "f", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(folder / "f", std::string(1'000'000, 'n'));
    } catch (const Error& error) {
      ::_exit(error.kind() == ErrorKind::kFailure && contains(error.what(), "cannot be written") ? 0 : 4);
    }
    ::_exit(5);
  }
  EXPECT_EQ(wait_for(child), 0);
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

TEST(Files, AKilledWriterLeavesTheOldContentOrTheNew) {
  const TemporaryFolder folder;
  const std::string versions[2] = {std::string(300'000, 'a'), std::string(500'000, 'b')};
  write_file(folder / "f", versions[0]);
  RandomStream random(1);
  int killed = 0;
  for (int round = 0; round < 60; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 1;; ++i) write_file(folder / "f", versions[i % 2]);
    }
    ::usleep(static_cast<useconds_t>(random.below(8000)));
    ::kill(child, SIGKILL);
    killed += WIFSIGNALED(wait_for(child)) ? 1 : 0;
    const std::string content = read_file(folder / "f");
    ASSERT_TRUE(content == versions[0] || content == versions[1]) << "a mixture of " << content.size() << " bytes";
  }
  EXPECT_EQ(killed, 60);
}

TEST(Folders, AppearWholeAndReplaceTheOldOne) {
  const TemporaryFolder folder;
  const fs::path target = folder / "checkpoint";
  write_folder(target, [](const fs::path& inside) {
    write_file(inside / "a", "1");
    fs::create_directory(inside / "deep");
    write_file(inside / "deep" / "b", "2");
  });
  EXPECT_EQ(read_file(target / "deep" / "b"), "2");
  write_folder(target.string() + "/", [](const fs::path& inside) { write_file(inside / "a", "new"); });
  EXPECT_EQ(read_file(target / "a"), "new");
  EXPECT_FALSE(fs::exists(target / "deep"));
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

TEST(Folders, AFillThatThrowsLeavesTheOldOneAlone) {
  const TemporaryFolder folder;
  const fs::path target = folder / "checkpoint";
  write_folder(target, [](const fs::path& inside) { write_file(inside / "a", "old"); });
  EXPECT_THROW(write_folder(target,
                            [](const fs::path& inside) {
                              write_file(inside / "a", "new");
                              fail_work("", "interrupted");
                            }),
               Error);
  EXPECT_EQ(read_file(target / "a"), "old");
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

}  // namespace
}  // namespace hone
