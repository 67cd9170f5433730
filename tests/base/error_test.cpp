#include "base/error.h"

#include <gtest/gtest.h>

#include "error_of.h"

namespace hone {
namespace {

TEST(Errors, WhatPutsPlaceMessageAndRemedyTogether) {
  const Error error(ErrorKind::kInput, "train.jsonl:128", "is empty", "fill it");
  EXPECT_STREQ(error.what(), "train.jsonl:128: is empty\n  fix: fill it");
  EXPECT_STREQ(Error(ErrorKind::kInput, "", "is empty").what(), "is empty");
  EXPECT_EQ(error.place(), "train.jsonl:128");
  EXPECT_EQ(error.remedy(), "fill it");
}

TEST(Errors, TheKindDecidesTheExitCode) {
  EXPECT_EQ(error_of([] { fail_input("p", "m"); }).exit_code(), 2);
  EXPECT_EQ(error_of([] { fail_work("p", "m"); }).exit_code(), 1);
  EXPECT_EQ(Error(ErrorKind::kInterrupted, "", "m").exit_code(), 130);
}

}  // namespace
}  // namespace hone
