#include "client/fine_tune.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "client/api_error.h"

namespace hone::client {
namespace {

TEST(JobBody, SaysWhatIsGivenAndNothingElse) {
  EXPECT_EQ(job_body({.training_file = "file-1", .model = "m"}), R"({"model":"m","training_file":"file-1"})");
  EXPECT_EQ(job_body({.training_file = "f", .model = "m", .n_epochs = 3}),
            R"({"model":"m","training_file":"f","hyperparameters":{"n_epochs":3}})");
  EXPECT_EQ(job_body({.training_file = "f",
                      .validation_file = "v",
                      .model = "m",
                      .suffix = "s",
                      .method = "dpo",
                      .seed = 0,
                      .batch_size = 2,
                      .learning_rate_multiplier = 0.5,
                      .beta = 0.1,
                      .metadata = {{"팀", "고객"}}}),
            R"({"model":"m","training_file":"f","validation_file":"v","suffix":"s","seed":0,"method":{"type":"dpo",)"
            R"("dpo":{"hyperparameters":{"batch_size":2,"learning_rate_multiplier":0.5,"beta":0.1}}},)"
            R"("metadata":{"팀":"고객"}})");
}

TEST(Endpoint, IsAnAddressWithoutAPassword) {
  ::setenv("OPENAI_BASE_URL", "https://a.example/v1//", 1);
  ::setenv("OPENAI_API_KEY", " sk-1\n", 1);
  EXPECT_EQ(endpoint_from("", "").base_url, "https://a.example/v1");
  EXPECT_EQ(endpoint_from("", "").api_key, "sk-1");
  EXPECT_EQ(endpoint_from("", "").key_source, "OPENAI_API_KEY");
  EXPECT_EQ(endpoint_from("http://b/v1", "sk-2").key_source, "--api-key");
  ::unsetenv("OPENAI_BASE_URL");
  ::unsetenv("OPENAI_API_KEY");
  EXPECT_EQ(endpoint_from("", "").base_url, "http://127.0.0.1:8000/v1");
  EXPECT_EQ(endpoint_from("", "").key_source, "");
  for (const char* wrong : {"localhost:8000", "ftp://a", "http://a/v1?x=1", "http://a b", "http://me:secret@a/v1"}) {
    try {
      endpoint_from(wrong, "");
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
  }
}

TEST(PathSegment, NeverLeavesItsPlace) {
  EXPECT_EQ(path_segment("ft:gpt-4o:org::a1_~."), "ft:gpt-4o:org::a1_~.");
  EXPECT_EQ(path_segment("a/../b?c#d %"), "a%2F..%2Fb%3Fc%23d%20%25");
  EXPECT_EQ(path_segment("가"), "%EA%B0%80");
  for (const char* wrong : {"", ".", ".."}) EXPECT_THROW(path_segment(wrong), Error);
}

TEST(EventFrom, FindsTheStepInDataOrMessage) {
  const auto read = [](const char* text) { return event_from(Json::parse(text), "test"); };
  const Event ours = read(R"({"id":"e","message":"Step 1/9: x","data":{"step":3,"total_steps":40,"train_loss":1.5}})");
  EXPECT_EQ(ours.step, 3);
  EXPECT_EQ(ours.total_steps, 40);
  EXPECT_EQ(ours.train_loss, 1.5);
  const Event theirs = read(R"({"id":"e","message":"Step 12/40: training loss=1.25, validation loss=2","data":null})");
  EXPECT_EQ(theirs.step, 12);
  EXPECT_EQ(theirs.total_steps, 40);
  EXPECT_EQ(theirs.train_loss, 1.25);
  for (const char* odd : {R"({"id":"e","message":"Step "})", R"({"id":"e","message":"Step 3 of 4"})",
                          R"({"id":"e","message":"Step 99999999999999999999/4"})",
                          R"({"id":"e","message":7,"data":{"step":1e300,"total_steps":"4"}})"}) {
    EXPECT_FALSE(read(odd).step && read(odd).total_steps) << odd;
  }
  EXPECT_THROW(read(R"({"message":"x"})"), Error);
}

TEST(JobFrom, NeedsAnIdAlone) {
  const Job bare = job_from(Json::parse(R"({"id":"j","error":"x","result_files":[1,"f"],"created_at":"?"})"), "test");
  EXPECT_EQ(bare.result_files, std::vector<std::string>{"f"});
  EXPECT_FALSE(bare.ended());
  const Job failed = job_from(
      Json::parse(R"({"id":"j","status":"failed","error":{"code":"c","message":"m"},"trained_tokens":null})"), "test");
  EXPECT_TRUE(failed.ended());
  EXPECT_EQ(failed.error_code + failed.error_message, "cm");
  for (const char* wrong : {"[]", "null", R"({"id":null})", R"({"id":""})"})
    EXPECT_THROW(job_from(Json::parse(wrong), "test"), Error) << wrong;
}

TEST(ApiError, KeepsWhatTheServerSaysButTheKey) {
  const Endpoint endpoint{"http://a/v1", "sk-12345", "OPENAI_API_KEY", ""};
  const auto read = [&](int status, const char* body) {
    return api_error(endpoint, "/files", {.status = status, .body = body});
  };
  const ApiError refused =
      read(401, R"({"error":{"message":"Incorrect key sk-12345","code":"invalid_api_key","param":null}})");
  EXPECT_EQ(refused.message(), "Incorrect key … (status 401, invalid_api_key)");
  EXPECT_EQ(refused.code(), "invalid_api_key");
  EXPECT_EQ(refused.kind(), ErrorKind::kInput);
  EXPECT_EQ(refused.place(), "http://a/v1/files");
  EXPECT_EQ(read(400, R"({"error":{"message":"m","code":400,"param":"model"}})").message(),
            "m (status 400, 400, parameter model)");
  for (const char* other : {R"({"error":"m"})", R"({"detail":"m"})", R"({"message":"m"})", "m"})
    EXPECT_EQ(read(500, other).message(), "m (status 500)") << other;
  EXPECT_EQ(read(503, "").kind(), ErrorKind::kFailure);
}

}  // namespace
}  // namespace hone::client
