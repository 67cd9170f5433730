// Errors that a user can cause: each says what, where and how to mend it.
// Throw Error; a bug that only a programmer can cause is an assertion instead.
#pragma once
#include <stdexcept>
#include <string>

namespace hone {

/// What kind of fault it is; decides the program's exit code and the service's status code.
enum class ErrorKind {
  kInput,        ///< the user's file, option or configuration is wrong (exit 2)
  kFailure,      ///< the work itself failed: disk full, out of memory, NaN (exit 1)
  kInterrupted,  ///< stopped on request; what was saved is said in the remedy (exit 130)
};

/// `message` says what is wrong with both numbers when two disagree, `place` where (file, line,
/// field, tensor), `remedy` how to mend it. what() is the three put together for a terminal.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string place, std::string message, std::string remedy = "");

  ErrorKind kind() const { return kind_; }
  const std::string& place() const { return place_; }
  const std::string& message() const { return message_; }
  const std::string& remedy() const { return remedy_; }
  /// 2 for input, 1 for failure, 130 for interrupted.
  int exit_code() const;

 private:
  ErrorKind kind_;
  std::string place_, message_, remedy_;
};

/// Shorthands; both throw.
[[noreturn]] void fail_input(std::string place, std::string message, std::string remedy = "");
[[noreturn]] void fail_work(std::string place, std::string message, std::string remedy = "");

}  // namespace hone
