#include "store/blobs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "error_of.h"
#include "temporary_folder.h"

namespace hone::store {
namespace {
namespace fs = std::filesystem;

// FIPS 180-4's own examples.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

size_t files_in(const fs::path& folder) {
  size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256_of("abc"), kAbc);
  EXPECT_EQ(sha256_of(""), kEmpty);
  EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  Sha256 pieces;
  for (const char* piece : {"a", "", "b", "c"}) pieces.update(piece);
  EXPECT_EQ(pieces.digest(), kAbc);
}

TEST(Sha256, OfAFileEqualsThatOfItsBytes) {
  const TemporaryFolder folder;
  const std::string content = std::string(2'500'000, 'x') + std::string("\0y", 2);
  write_file(folder / "f", content);
  EXPECT_EQ(sha256_of_file(folder / "f"), sha256_of(content));
  EXPECT_THROW(sha256_of_file(folder / "absent"), Error);
  EXPECT_THROW(sha256_of_file(folder.path()), Error);
  fs::create_symlink("f", folder / "link");
  EXPECT_THROW(sha256_of_file(folder / "link"), Error);
}

TEST(Blobs, KeepContentUnderItsHashOnce) {
  const TemporaryFolder folder;
  Blobs blobs(folder / "deep" / "blobs");
  EXPECT_FALSE(blobs.contains(kAbc));
  EXPECT_EQ(blobs.put("abc"), kAbc);
  EXPECT_EQ(blobs.put("abc"), kAbc);
  EXPECT_EQ(blobs.put(""), kEmpty);
  EXPECT_TRUE(blobs.contains(kAbc));
  EXPECT_EQ(blobs.path(kAbc), folder / "deep" / "blobs" / "ba" / std::string(kAbc).substr(2));
  EXPECT_EQ(read_file(blobs.path(kAbc)), "abc");
  EXPECT_EQ(files_in(folder.path()), 2u);
  blobs.remove(kAbc);
  blobs.remove(kAbc);
  EXPECT_FALSE(blobs.contains(kAbc));
  EXPECT_TRUE(Blobs(folder / "deep" / "blobs").contains(kEmpty));
}

TEST(Blobs, TakeAFileInAndRemoveItWhereItWas) {
  const TemporaryFolder folder;
  Blobs blobs(folder / "blobs");
  for (int round = 0; round < 2; ++round) {  // the second one is there already
    write_file(folder / "upload", "abc");
    EXPECT_EQ(blobs.put_file(folder / "upload"), kAbc);
    EXPECT_FALSE(fs::exists(folder / "upload"));
  }
  EXPECT_EQ(read_file(blobs.path(kAbc)), "abc");
  EXPECT_EQ(files_in(folder.path()), 1u);
  EXPECT_EQ(blobs.put_file(folder / "." / "blobs" / "ba" / std::string(kAbc).substr(2)), kAbc);  // it stays
  EXPECT_EQ(read_file(blobs.path(kAbc)), "abc");
  EXPECT_THROW(blobs.put_file(folder / "absent"), Error);
  fs::create_symlink("/etc/passwd", folder / "link");
  EXPECT_THROW(blobs.put_file(folder / "link"), Error);
  EXPECT_THROW(blobs.put_file(folder.path()), Error);
}

TEST(Blobs, CopyAFileFromAnotherDisk) {
  const fs::path memory = "/dev/shm";
  const TemporaryFolder folder;
  std::error_code ignored;
  const fs::path from = memory / ("hone-blob-" + std::to_string(::getpid()));
  struct stat here {
  }, there{};
  if (::stat(folder.path().c_str(), &here) != 0 || ::stat(memory.c_str(), &there) != 0 || here.st_dev == there.st_dev)
    GTEST_SKIP() << "there is no second disk";
  write_file(from, "abc");
  Blobs blobs(folder / "blobs");
  EXPECT_EQ(blobs.put_file(from), kAbc);
  EXPECT_FALSE(fs::exists(from));
  EXPECT_EQ(read_file(blobs.path(kAbc)), "abc");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(Blobs, AreWrittenInPiecesOrNotAtAll) {
  const TemporaryFolder folder;
  const Blobs blobs(folder / "blobs");
  {
    Blobs::Writer writer(blobs), other(blobs);
    writer.write("a");
    other.write("half");
    writer.write("bc");
    EXPECT_EQ(writer.bytes_written(), 3u);
    EXPECT_EQ(writer.commit(), kAbc);
  }
  EXPECT_EQ(files_in(folder.path()), 1u);
  EXPECT_EQ(read_file(blobs.path(kAbc)), "abc");
}

TEST(Blobs, LeftoversOfAProcessThatEndedGoAndThoseOfOthersStay) {
  const TemporaryFolder folder;
  const Blobs first(folder / "blobs");
  const pid_t child = ::fork();
  if (child == 0) {
    auto* writer = new Blobs::Writer(first);
    writer->write("half");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  Blobs::Writer alive(first);
  alive.write("abc");
  EXPECT_EQ(files_in(folder.path()), 2u);
  const Blobs second(folder / "blobs");
  EXPECT_EQ(files_in(folder.path()), 1u);
  EXPECT_EQ(alive.commit(), kAbc);
  EXPECT_TRUE(second.contains(kAbc));
}

TEST(Blobs, WhatIsNoHashIsNoPath) {
  const TemporaryFolder folder;
  Blobs blobs(folder / "blobs");
  const std::string path = "../../../../../../../../../../etc/passwd", upper(64, 'A');
  for (const std::string& name :
       {path, upper, std::string(), std::string(63, 'a'), std::string(64, 'g'), std::string(60, 'a') + "/../"}) {
    EXPECT_THROW(blobs.path(name), Error) << name;
    EXPECT_THROW((void)blobs.contains(name), Error) << name;
    EXPECT_THROW(blobs.remove(name), Error) << name;
  }
}

TEST(Blobs, AFolderThatCannotBeMadeIsNamed) {
  const TemporaryFolder folder;
  write_file(folder / "file", "");
  const Error error = error_of([&] { Blobs(folder / "file" / "blobs"); });
  EXPECT_EQ(error.kind(), ErrorKind::kFailure);
  EXPECT_TRUE(contains(error.place(), "file/blobs"));
}

}  // namespace
}  // namespace hone::store
