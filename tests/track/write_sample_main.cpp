// Writes what standard input says with every tracker, for the tests that read it back with other
// programs: write_sample FOLDER [RESUME_AFTER_STEP], then lines "scalar STEP NAME VALUE …",
// "text STEP NAME WORDS", "kill".
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "track/tracker.h"

int main(int argc, char** argv) {
  using namespace hone::track;
  if (argc < 2) return 2;
  std::vector<std::string> names;
  for (const auto& entry : trackers().entries()) names.push_back(entry.name);
  TrackerOptions options{.folder = argv[1]};
  if (argc > 2) options.resume_after_step = std::atoll(argv[2]);
  TrackerGroup group(names, options, "write_sample");
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb, name, value;
    int64_t step = 0;
    words >> verb >> step;
    if (verb == "kill") std::raise(SIGKILL);
    if (verb == "text") {
      words >> name;
      std::getline(words >> std::ws, value);
      group.log_text(step, 1.7e9 + static_cast<double>(step), name, value);
      continue;
    }
    std::vector<std::pair<std::string, double>> held;
    while (words >> name >> value) held.emplace_back(name, std::strtod(value.c_str(), nullptr));
    std::vector<Scalar> scalars;
    for (const auto& [key, number] : held) scalars.push_back({key, number});
    group.log_scalars(step, 1.7e9 + static_cast<double>(step), scalars);
  }
  group.flush();
  return 0;
}
