// Any bytes as a data file of every format: rows come out with findings or examples, never a crash, and a
// good row survives being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "data/content_key.h"
#include "data/loader.h"
#include "data/messages_writer.h"

namespace {

void read_all(const std::string& content, const std::string& name) {
  hone::data::LoadOptions options;
  options.max_row_bytes = 4096;
  try {
    hone::data::ExampleReader reader(content, name, options);
    hone::data::Row row;
    uint64_t last = 0;
    while (reader.next(row)) {
      if (row.example.origin.byte > content.size() || row.example.origin.line < last) std::abort();
      last = row.example.origin.line;
      if (!row.ok()) continue;
      const std::string line = hone::data::to_messages_line(row.example);
      hone::data::ExampleReader again(line, "again.jsonl");
      hone::data::Row second;
      if (!again.next(second)) std::abort();
      if (!(content_key(second.example) == content_key(row.example))) std::abort();
      hone::data::prompt_key(row.example);
    }
  } catch (const hone::Error&) {  // a header or an encoding that the file as a whole is refused for
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  for (const char* name : {"f.jsonl", "f.json", "f.csv", "f.tsv", "f.txt"}) read_all(content, name);
  return 0;
}
