#include "net/multipart.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/file.h"
#include "net/fault.h"
#include "net/upload.h"
#include "temporary_folder.h"

namespace hone::net {
namespace {

struct Seen : PartSink {
  struct One {
    PartHead head;
    std::string body;
    bool ended = false;
  };
  std::vector<One> parts;
  void begin(PartHead head) override { parts.push_back({std::move(head), "", false}); }
  void data(std::string_view bytes) override { parts.back().body += bytes; }
  void end() override { parts.back().ended = true; }
};

/// The parts of `text`, fed in pieces of `size` bytes; the status of the fault, or 0.
int parse(const std::string& text, size_t size, Seen& seen, MultipartLimits limits = {}) {
  try {
    MultipartParser parser("XX", seen, limits);
    for (size_t at = 0; at < text.size(); at += size) parser.feed(std::string_view(text).substr(at, size));
    parser.finish();
  } catch (const Fault& fault) {
    return fault.status;
  }
  return 0;
}

std::string field(const std::string& name, const std::string& body) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + body + "\r\n";
}

TEST(Multipart, ItDoesNotMatterWhereTheBodyIsCut) {
  const std::string file = "a\r\n--X\r\n--\r\n\r\r\n-\r\n--xx\r\n";
  const std::string text = "preamble\r\n--Xpreamble\r\n" + field("purpose", "fine-tune") +
                           "--XX \t\r\ncontent-disposition: FORM-DATA; filename=\"a.jsonl\"; name=file\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n" +
                           file + "\r\n" + field("empty", "") + "--XX--\r\nepilogue --XX";
  std::vector<size_t> sizes(80);
  std::iota(sizes.begin(), sizes.end(), 1);
  sizes.push_back(10'000);
  for (size_t size : sizes) {
    Seen seen;
    ASSERT_EQ(parse(text, size, seen), 0) << size;
    ASSERT_EQ(seen.parts.size(), 3U);
    EXPECT_EQ(seen.parts[0].head.name, "purpose");
    EXPECT_EQ(seen.parts[0].body, "fine-tune");
    EXPECT_FALSE(seen.parts[0].head.is_file);
    EXPECT_EQ(seen.parts[1].head.name, "file");
    EXPECT_EQ(seen.parts[1].head.filename, "a.jsonl");
    EXPECT_EQ(seen.parts[1].head.content_type, "application/octet-stream");
    EXPECT_TRUE(seen.parts[1].head.is_file && seen.parts[1].ended);
    EXPECT_EQ(seen.parts[1].body, file);
    EXPECT_EQ(seen.parts[2].body, "");
  }
}

TEST(Multipart, WhatIsMalformedIsRefused) {
  const std::string good = field("a", "b");
  for (const std::string& text :
       {std::string(),
        std::string("--XX"),
        std::string("--XX--x").substr(0, 5),
        good,
        good + "--XX",
        good + "--XX-",
        good + "--XXY\r\n",
        std::string("--XX\n"),
        std::string("--XX\r\n\r\nno head\r\n--XX--"),
        std::string("--XX\r\nContent-Type: a\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=\"a\" filename=b\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=\xff\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\nb\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: "
                    "base64\r\n\r\nb\r\n--XX--")}) {
    for (size_t size : {1, 1000}) {
      Seen seen;
      EXPECT_EQ(parse(text, size, seen), 400) << text;
    }
  }
}

TEST(Multipart, Limits) {
  std::string many;
  for (int i = 0; i < 4; ++i) many += field("a", "b");
  Seen seen;
  EXPECT_EQ(parse(many + "--XX--", 7, seen, {.parts = 4}), 0);
  EXPECT_EQ(parse(many + "--XX--", 7, seen, {.parts = 3}), 400);
  const std::string long_head = "--XX\r\nContent-Disposition: form-data; name=" + std::string(300, 'a');
  EXPECT_EQ(parse(long_head, 7, seen, {.head_bytes = 200}), 400);
  EXPECT_EQ(parse("--XX" + std::string(300, ' '), 7, seen, {.head_bytes = 200}), 400);
}

TEST(Multipart, NamesOfFiles) {
  const auto filename = [](const std::string& parameter) {
    return parse_part_head("Content-Disposition: form-data; name=\"file\"; " + parameter + "\r\n").filename;
  };
  EXPECT_EQ(filename("filename=\"한국.jsonl\""), "한국.jsonl");
  EXPECT_EQ(filename("filename=\"a;b=\\\"c\\\".txt\""), "a;b=\"c\".txt");
  EXPECT_EQ(filename("filename=\"C:\\dir\\a.txt\""), "C:\\dir\\a.txt");
  EXPECT_EQ(filename("filename=\"x\"; filename*=utf-8''%ED%95%9C.txt"), "한.txt");
  EXPECT_EQ(filename("filename=\"../../etc/passwd\""), "../../etc/passwd");  // text for people, used for nothing
  EXPECT_THROW(filename("filename*=latin-1''%E4"), Fault);
  EXPECT_THROW(filename("filename*=utf-8''%FF"), Fault);
  EXPECT_THROW(filename("filename*=utf-8''%0Aa"), Fault);
}

TEST(Multipart, Boundary) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), "a b");
  EXPECT_EQ(multipart_boundary("multipart/mixed; boundary=abc"), "");
  EXPECT_EQ(multipart_boundary("application/json"), "");
  for (const char* type : {"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"",
                           "multipart/form-data; boundary=a; boundary=b"})
    EXPECT_THROW(multipart_boundary(type), Fault) << type;
  EXPECT_THROW(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')), Fault);
}

TEST(Upload, FilesLieInTheSpoolAsLongAsTheRequest) {
  const TemporaryFolder folder;
  const auto kept = folder / "kept";
  {
    UploadSink sink(folder.path(), {.file_bytes = 10, .field_bytes = 1000});
    for (const char* name : {"one", "two"}) {
      sink.begin({.name = name, .filename = "../x", .is_file = true});
      sink.data("01234");
      sink.data("56789");
      sink.end();
    }
    sink.begin({.name = "field"});
    sink.data("value");
    sink.end();
    Request request;
    sink.give_to(request);
    ASSERT_EQ(request.parts.size(), 3U);
    EXPECT_EQ(request.parts[0].file.parent_path(), folder.path());
    EXPECT_EQ(read_file(request.parts[1].file), "0123456789");
    EXPECT_EQ(request.parts[2].body, "value");
    EXPECT_EQ(request.parts[1].bytes, 10);
    std::filesystem::rename(request.parts[1].file, kept);
  }
  EXPECT_EQ(read_file(kept), "0123456789");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Upload, LimitsHoldAndNothingIsLeft) {
  const TemporaryFolder folder;
  {
    UploadSink sink(folder.path(), {.file_bytes = 10, .field_bytes = 1000});
    sink.begin({.name = "file", .is_file = true});
    sink.data("0123456789");
    try {
      sink.data("x");
      ADD_FAILURE();
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.status, 413);
    }
  }
  UploadSink sink({}, {.file_bytes = 10, .field_bytes = 1000});
  EXPECT_THROW(sink.begin({.name = "file", .is_file = true}), Fault);  // no spool
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i) sink.begin({.name = "empty"});
  };
  EXPECT_THROW(fill(), Fault);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace hone::net
