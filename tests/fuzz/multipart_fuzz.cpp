// The first line is the value of Content-Type, the rest a body: parsed whole, byte by byte and in pieces of seven, with
// the same parts or the same refusal.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/fault.h"
#include "net/multipart.h"

namespace {

using namespace hone::net;

struct Seen : PartSink {
  std::vector<std::string> parts;
  void begin(PartHead head) override {
    parts.push_back(head.name + '\0' + head.filename + '\0' + head.content_type + '\0');
  }
  void data(std::string_view bytes) override { parts.back() += bytes; }
  void end() override { parts.back() += '.'; }
};

/// Empty where the body was refused.
std::vector<std::string> parse(const std::string& boundary, std::string_view body, size_t piece) {
  Seen seen;
  try {
    MultipartParser parser(boundary, seen, {.parts = 20, .head_bytes = 500});
    for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) parser.feed(body.substr(0, piece));
    parser.finish();
  } catch (const Fault&) {
    return {};
  }
  return seen.parts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(input.find('\n'), input.size());
  std::string boundary;
  try {
    boundary = multipart_boundary(input.substr(0, line));
  } catch (const Fault&) {
  }
  if (boundary.empty()) return 0;
  const std::string body = input.substr(std::min(line + 1, input.size()));
  const auto whole = parse(boundary, body, body.size() + 1);
  if (parse(boundary, body, 1) != whole || parse(boundary, body, 7) != whole) std::abort();
  return 0;
}
