#include "net/router.h"

#include <gtest/gtest.h>

#include "error_of.h"

namespace hone::net {
namespace {

using Result = Router::Match::Result;
using Values = std::map<std::string, std::string>;

class Routes : public testing::Test {
 protected:
  Router router;
  size_t list = router.add("GET", "/v1/files");
  size_t create = router.add("POST", "/v1/files");
  size_t content = router.add("GET", "/v1/files/{file_id}/content");
  size_t model = router.add("GET", "/v1/models/{model}");
  size_t remove = router.add("DELETE", "/v1/models/{model}");
  size_t known = router.add("GET", "/v1/models/known");
  size_t root = router.add("GET", "/");
};

TEST_F(Routes, ExactlyOneFits) {
  EXPECT_EQ(router.match("GET", {"v1", "files"}).index, list);
  EXPECT_EQ(router.match("POST", {"v1", "files"}).index, create);
  EXPECT_EQ(router.match("GET", {""}).index, root);
  const auto found = router.match("GET", {"v1", "files", "file-1", "content"});
  EXPECT_EQ(found.index, content);
  EXPECT_EQ(found.pattern, "/v1/files/{file_id}/content");
  EXPECT_EQ(found.values, (Values{{"file_id", "file-1"}}));
}

TEST_F(Routes, AnIdMayHoldAnything) {
  EXPECT_EQ(router.match("GET", {"v1", "models", "ft:a/b::x"}).values, (Values{{"model", "ft:a/b::x"}}));
}

TEST_F(Routes, LiteralBeforeName) {
  EXPECT_EQ(router.match("GET", {"v1", "models", "known"}).index, known);
  EXPECT_EQ(router.match("DELETE", {"v1", "models", "known"}).result, Result::kNoMethod);
}

TEST_F(Routes, NothingNearARouteIsOne) {
  using Path = std::vector<std::string>;
  for (const Path& path :
       {Path{}, Path{"v1"}, Path{"v1", "files", ""}, Path{"", "v1", "files"}, Path{"v1", "", "files"}, Path{"v1/files"},
        Path{"V1", "files"}, Path{"v1", "models", ""}, Path{"v1", "models", "."}, Path{"v1", "models", ".."},
        Path{"v1", "files", "..", "content"}, Path{"v1", "files", "x"}}) {
    EXPECT_EQ(router.match("GET", path).result, Result::kNoPath);
  }
}

TEST_F(Routes, MethodsOfAPath) {
  const auto wrong = router.match("PATCH", {"v1", "models", "m"});
  EXPECT_EQ(wrong.result, Result::kNoMethod);
  EXPECT_EQ(wrong.allow, "DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(router.match("HEAD", {"v1", "files"}).index, list);
  EXPECT_EQ(router.match("get", {"v1", "files"}).result, Result::kNoMethod);
}

TEST_F(Routes, FaultsOfTheProgramAreNamed) {
  EXPECT_TRUE(contains(error_of([&] { router.add("GET", "/v1/files"); }).message(), "there already"));
  EXPECT_TRUE(contains(error_of([&] { router.add("GET", "v1"); }).message(), "begin with"));
  EXPECT_TRUE(contains(error_of([&] { router.add("PUT", "/v1/models/{other}"); }).message(), "other names"));
}

}  // namespace
}  // namespace hone::net
