#include "base/safetensors.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace hone {
namespace {

struct TypeRow {
  StoredType type;
  const char* name;
  size_t size;
};

constexpr TypeRow kTypes[] = {
    {StoredType::kBool, "BOOL", 1},      {StoredType::kU8, "U8", 1},          {StoredType::kI8, "I8", 1},
    {StoredType::kF8E5M2, "F8_E5M2", 1}, {StoredType::kF8E4M3, "F8_E4M3", 1}, {StoredType::kI16, "I16", 2},
    {StoredType::kF16, "F16", 2},        {StoredType::kBF16, "BF16", 2},      {StoredType::kI32, "I32", 4},
    {StoredType::kF32, "F32", 4},        {StoredType::kF64, "F64", 8},        {StoredType::kI64, "I64", 8},
};

constexpr size_t kLengthBytes = 8;
/// The reference library refuses longer headers too; it bounds what a hostile file makes us allocate.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr const char* kMetadataKey = "__metadata__";

const TypeRow& row_of(StoredType type) {
  return kTypes[static_cast<size_t>(type)];
}

/// product(shape) * element size, or nothing if that does not fit 63 bits.
std::optional<uint64_t> bytes_of(const std::vector<int64_t>& shape, size_t element_size) {
  // A zero makes the product zero however large the others are, but only if it is looked for first.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  uint64_t bytes = element_size;
  for (const int64_t extent : shape) {
    if (extent < 0 ||
        bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / static_cast<uint64_t>(extent)) {
      return std::nullopt;
    }
    bytes *= static_cast<uint64_t>(extent);
  }
  return bytes;
}

std::string show_shape(const std::vector<int64_t>& shape) {
  std::vector<std::string> parts;
  for (const int64_t extent : shape) parts.push_back(std::to_string(extent));
  return "[" + join(parts, ", ") + "]";
}

[[noreturn]] void fail_file(const std::string& source, const std::string& message) {
  fail_input(source, message, "the file is damaged or not a safetensors file; download or write it again");
}

std::string place_of(const std::string& source, const std::string& tensor) {
  return source + ": tensor \"" + excerpt(tensor, 120) + "\"";
}

/// Refuses what a document tree would hide: a name given twice, and nesting beyond what the format has. Entries are
/// handed on one by one and not kept: a tree of a million of them takes hours to make, since members are looked for one
/// by one.
class StrictParse {
 public:
  using Entry = std::function<void(const std::string& name, const Json& entry)>;
  StrictParse(const std::string& source, Entry entry) : source_(source), entry_(std::move(entry)) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 3) fail_file(source_, "the header nests deeper than the format allows");
    if (event == Json::parse_event_t::object_start && depth == 1) inner_.clear();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!(depth == 1 ? outer_ : inner_).insert(key).second) {
        fail_file(source_, "\"" + excerpt(key, 120) + "\" is given twice in the header");
      }
      if (depth == 1) name_ = key;
    }
    using Event = Json::parse_event_t;
    const bool whole = event == Event::value || event == Event::object_end || event == Event::array_end;
    if (!whole || depth != 1) return true;
    entry_(name_, parsed);
    return false;
  }

 private:
  const std::string& source_;
  Entry entry_;
  std::string name_;
  std::set<std::string> outer_, inner_;
};

void parse_header_json(std::string_view header, const std::string& source, const StrictParse::Entry& entry) {
  if (header.empty() || header.front() != '{') fail_file(source, "the header does not begin with \"{\"");
  try {
    StrictParse strict(source, entry);
    [[maybe_unused]] const Json nothing_left = Json::parse(
        header, [&](int depth, Json::parse_event_t event, Json& parsed) { return strict(depth, event, parsed); });
  } catch (const nlohmann::json::exception& fault) {
    const auto* parse_error = dynamic_cast<const nlohmann::json::parse_error*>(&fault);
    const size_t at =
        parse_error != nullptr && parse_error->byte > 0 ? std::min(parse_error->byte - 1, header.size()) : 0;
    const size_t from = at > 20 ? at - 20 : 0;
    fail_file(source, format("the header is not valid JSON at byte %zu, near \"%s\"", kLengthBytes + at,
                             excerpt(header.substr(from, 40), 40).c_str()));
  }
}

StoredType type_named(const std::string& name, const std::string& place) {
  std::vector<std::string> known;
  for (const TypeRow& row : kTypes) {
    if (name == row.name) return row.type;
    known.push_back(row.name);
  }
  fail_input(place, "dtype \"" + excerpt(name, 40) + "\" cannot be read; known: " + join(known, ", "),
             "convert the file to one of these types");
}

StoredTensor read_entry(const std::string& name, const Json& entry, uint64_t data_size, const std::string& source) {
  const std::string place = place_of(source, name);
  if (!entry.is_object()) fail_file(place, "its header entry is not an object");
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!entry.contains(key)) fail_file(place, format("its header entry has no \"%s\"", key));
  }
  for (const auto& [key, value] : entry.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      fail_file(place, "its header entry has an unknown key \"" + excerpt(key, 40) + "\"");
    }
  }
  StoredTensor tensor;
  tensor.name = name;
  if (!entry["dtype"].is_string()) fail_file(place, "\"dtype\" is not a text");
  tensor.type = type_named(entry["dtype"].get<std::string>(), place);
  const Json &shape = entry["shape"], &offsets = entry["data_offsets"];
  if (!shape.is_array()) fail_file(place, "\"shape\" is not a list");
  for (const Json& extent : shape) {
    if (!extent.is_number_unsigned() ||
        extent.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      fail_file(place, "\"shape\" holds " + excerpt(to_line(extent), 40) + ", expected whole numbers from 0");
    }
    tensor.shape.push_back(extent.get<int64_t>());
  }
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    fail_file(place, "\"data_offsets\" is not a pair of whole numbers");
  }
  tensor.begin = offsets[0].get<uint64_t>();
  tensor.end = offsets[1].get<uint64_t>();
  const auto range = format("data_offsets [%llu, %llu]", static_cast<unsigned long long>(tensor.begin),
                            static_cast<unsigned long long>(tensor.end));
  if (tensor.begin > tensor.end) fail_file(place, range + " end before they begin");
  const auto expected = bytes_of(tensor.shape, stored_type_size(tensor.type));
  if (!expected || *expected != tensor.size()) {
    fail_file(place, range +
                         format(" span %llu bytes, but %s of %s takes ", static_cast<unsigned long long>(tensor.size()),
                                show_shape(tensor.shape).c_str(), stored_type_name(tensor.type)) +
                         (expected ? std::to_string(*expected) : "more than 2^63"));
  }
  if (tensor.end > data_size) {
    fail_file(place,
              range + format(" lie outside the %llu bytes of data in the file: expected at least %llu, it is cut short",
                             static_cast<unsigned long long>(data_size), static_cast<unsigned long long>(tensor.end)));
  }
  return tensor;
}

/// Sorted by place in the data, the tensors must follow each other without gap or overlap up to the end.
void check_coverage(const std::vector<StoredTensor>& tensors, uint64_t data_size, const std::string& source) {
  uint64_t covered = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor& tensor = tensors[i];
    if (tensor.begin < covered) {
      fail_file(place_of(source, tensor.name),
                format("begins at byte %llu, inside \"%s\", which ends at %llu",
                       static_cast<unsigned long long>(tensor.begin), excerpt(tensors[i - 1].name, 120).c_str(),
                       static_cast<unsigned long long>(covered)));
    }
    if (tensor.begin > covered) {
      fail_file(place_of(source, tensor.name),
                format("begins at byte %llu, but the data before it ends at %llu: no tensor covers the gap",
                       static_cast<unsigned long long>(tensor.begin), static_cast<unsigned long long>(covered)));
    }
    covered = tensor.end;
  }
  if (covered != data_size) {
    fail_file(source, format("holds %llu bytes of data, its header describes %llu",
                             static_cast<unsigned long long>(data_size), static_cast<unsigned long long>(covered)));
  }
}

std::map<std::string, std::string> read_metadata(const Json& document, const std::string& source) {
  std::map<std::string, std::string> metadata;
  if (!document.is_object()) fail_file(source, "\"__metadata__\" is not an object");
  for (const auto& [key, value] : document.items()) {
    if (!value.is_string()) fail_file(source, "\"__metadata__\" entry \"" + excerpt(key, 60) + "\" is not a text");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace

const char* stored_type_name(StoredType type) {
  return row_of(type).name;
}
size_t stored_type_size(StoredType type) {
  return row_of(type).size;
}

SafetensorsHeader parse_safetensors_header(std::string_view bytes, uint64_t file_size, const std::string& source) {
  if (file_size < kLengthBytes || bytes.size() < kLengthBytes) {
    fail_file(source, format("has %llu bytes, a safetensors file begins with 8 bytes of header length",
                             static_cast<unsigned long long>(file_size)));
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  if (length > kMaxHeaderBytes || length > file_size - kLengthBytes || length > bytes.size() - kLengthBytes) {
    fail_file(source,
              format("says its header has %llu bytes, the file has %llu after the length (and headers at most %llu)",
                     static_cast<unsigned long long>(length), static_cast<unsigned long long>(file_size - kLengthBytes),
                     static_cast<unsigned long long>(kMaxHeaderBytes)));
  }
  SafetensorsHeader header;
  header.data_offset = kLengthBytes + length;
  const uint64_t data_size = file_size - header.data_offset;
  parse_header_json(bytes.substr(kLengthBytes, length), source, [&](const std::string& name, const Json& entry) {
    if (name == kMetadataKey)
      header.metadata = read_metadata(entry, source);
    else
      header.tensors.push_back(read_entry(name, entry, data_size, source));
  });
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_coverage(header.tensors, data_size, source);
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path) {
  const MappedFile file(path);
  header_ = parse_safetensors_header(file.view(), file.size(), path.string());
  holder_ = file.holder();
  data_ = reinterpret_cast<const std::byte*>(file.data()) + header_.data_offset;
  for (size_t i = 0; i < header_.tensors.size(); ++i) index_.emplace(header_.tensors[i].name, i);
}

const StoredTensor* SafetensorsFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &header_.tensors[found->second];
}

const std::byte* SafetensorsFile::data(const StoredTensor& tensor) const {
  return data_ + tensor.begin;
}

void SafetensorsFile::release(const StoredTensor& tensor) const {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(data(tensor));
  const uintptr_t first = begin / page * page, end = begin + tensor.size();
  // Neighbours on the outer pages lose nothing either: the mapping is never written to. A refusal costs memory only.
  if (end > begin)
    ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);  // NOLINT(performance-no-int-to-ptr)
}

namespace {

std::string header_text(const std::vector<TensorToStore>& tensors, const std::vector<uint64_t>& sizes,
                        const std::map<std::string, std::string>& metadata) {
  Json document = Json::object();
  if (!metadata.empty()) document[kMetadataKey] = metadata;
  // ordered_json looks a key up by walking all keys, so tensors are appended as text instead.
  std::string text = document.dump();
  text.pop_back();
  uint64_t offset = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorToStore& tensor = tensors[i];
    if (text.size() > 1) text += ',';
    text += Json(tensor.name).dump() + ":" +
            format(R"({"dtype":"%s","shape":%s,"data_offsets":[%llu,%llu]})", stored_type_name(tensor.type),
                   Json(tensor.shape).dump().c_str(), static_cast<unsigned long long>(offset),
                   static_cast<unsigned long long>(offset + sizes[i]));
    offset += sizes[i];
  }
  text += '}';
  while (text.size() % kLengthBytes != 0) text += ' ';
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::vector<TensorToStore> tensors,
                       const std::map<std::string, std::string>& metadata) {
  // Wide types first keeps every tensor aligned to its element, since the data begins at a multiple of 8.
  std::stable_sort(tensors.begin(), tensors.end(), [](const TensorToStore& a, const TensorToStore& b) {
    return a.type != b.type ? a.type > b.type : a.name < b.name;
  });
  std::set<std::string> names = {kMetadataKey};
  std::vector<uint64_t> sizes;
  for (const TensorToStore& tensor : tensors) {
    const auto bytes = bytes_of(tensor.shape, stored_type_size(tensor.type));
    if (!bytes) throw std::invalid_argument("write_safetensors: impossible shape of " + tensor.name);
    if (!names.insert(tensor.name).second)
      throw std::invalid_argument("write_safetensors: name used twice: " + tensor.name);
    sizes.push_back(*bytes);
  }
  const std::string header = header_text(tensors, sizes, metadata);
  unsigned char length[kLengthBytes];
  for (size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<unsigned char>(uint64_t{header.size()} >> (8 * i));
  AtomicFile file(path);
  file.write(length, sizeof length);
  file.write(header);
  for (size_t i = 0; i < tensors.size(); ++i) file.write(tensors[i].data, sizes[i]);
  file.commit();
}

}  // namespace hone
