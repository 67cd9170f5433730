#include "base/error.h"

#include <utility>

namespace hone {
namespace {

std::string compose(const std::string& place, const std::string& message, const std::string& remedy) {
  std::string text = place.empty() ? message : place + ": " + message;
  if (!remedy.empty()) text += "\n  fix: " + remedy;
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string place, std::string message, std::string remedy)
    : std::runtime_error(compose(place, message, remedy)),
      kind_(kind),
      place_(std::move(place)),
      message_(std::move(message)),
      remedy_(std::move(remedy)) {}

int Error::exit_code() const {
  switch (kind_) {
    case ErrorKind::kInput: return 2;
    case ErrorKind::kInterrupted: return 130;
    case ErrorKind::kFailure: break;
  }
  return 1;
}

void fail_input(std::string place, std::string message, std::string remedy) {
  throw Error(ErrorKind::kInput, std::move(place), std::move(message), std::move(remedy));
}

void fail_work(std::string place, std::string message, std::string remedy) {
  throw Error(ErrorKind::kFailure, std::move(place), std::move(message), std::move(remedy));
}

}  // namespace hone
