#include "evaluate/samples_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace hone::evaluate {
namespace {

Answer from_json(const Json& row) {
  return {row.at("index").get<size_t>(),
          row.at("prompt").get<std::string>(),
          row.at("reference").get<std::string>(),
          row.at("text").get<std::string>(),
          row.at("finish_reason").get<std::string>(),
          row.at("tokens").get<int64_t>()};
}

}  // namespace

SamplesFile::SamplesFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    fail_input(path.string(), std::string("cannot be opened: ") + std::strerror(errno), "check folder and permissions");
  try {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      fail_input(path.string(), "is being written by another run", "wait for it, or name another file");
    }
    std::string content = read_file(path);
    const size_t whole = content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1;
    if (whole < content.size() && ::ftruncate(descriptor_, static_cast<off_t>(whole)) != 0) {
      fail_work(path.string(), std::string("its torn last line cannot be cut off: ") + std::strerror(errno));
    }
    content.resize(whole);
    read(content);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SamplesFile::~SamplesFile() {
  ::close(descriptor_);
}

void SamplesFile::read(const std::string& content) {
  uint64_t number = 0;
  for (size_t begin = 0, end; begin < content.size(); begin = end + 1) {
    end = content.find('\n', begin);
    const std::string_view line(content.data() + begin, end - begin);
    const std::string place = format("%s:%lu", path_.c_str(), ++number);
    if (trim(line).empty()) continue;
    try {
      const Json row = parse_json(line, place);
      answers_[row.at("key").get<std::string>()] = from_json(row);
    } catch (const nlohmann::json::exception& fault) {
      fail_input(place, std::string("is no answer written by hone evaluate: ") + fault.what(),
                 "name another file for --samples, or take the line out");
    }
  }
}

const Answer* SamplesFile::find(const std::string& key) const {
  const auto found = answers_.find(key);
  return found == answers_.end() ? nullptr : &found->second;
}

void SamplesFile::append(const std::string& key, const Answer& answer) {
  const std::string line = to_line({{"index", answer.index},
                                    {"prompt", answer.prompt},
                                    {"reference", answer.reference},
                                    {"text", answer.text},
                                    {"finish_reason", answer.finish_reason},
                                    {"tokens", answer.tokens},
                                    {"key", key}}) +
                           "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      fail_work(path_.string(), std::string("cannot be written: ") + std::strerror(errno),
                "free space and run the same command again; it goes on from here");
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (::fdatasync(descriptor_) != 0)
    fail_work(path_.string(), std::string("cannot be synced: ") + std::strerror(errno));
  answers_[key] = answer;
}

}  // namespace hone::evaluate
