#include "serve/api_error.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hone::serve {
namespace {

template <typename Throw>
net::Response answer_to(const Throw& thrown) {
  try {
    thrown();
  } catch (...) {
    return response_to(std::current_exception());
  }
  return {};
}

TEST(ApiErrors, TellOfTheRequestAndNothingOfTheServer) {
  const net::Response asked = answer_to([] { fail_input("training_file", "has no rows", "add some"); });
  EXPECT_EQ(asked.status, 400);
  EXPECT_NE(asked.body.find("has no rows"), std::string::npos);
  const auto inside = [](const auto& thrown) {
    const net::Response answer = answer_to(thrown);
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
  };
  inside([] { fail_input("/srv/secret/config.json:3", "is broken"); });
  inside([] { fail_work("secret", "cannot be written"); });
  inside([] { throw std::runtime_error("secret"); });
  inside([] { throw 42; });
}

}  // namespace
}  // namespace hone::serve
