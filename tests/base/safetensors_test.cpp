#include "base/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>

#include "base/file.h"
#include "base/random.h"
#include "base/strings.h"
#include "error_of.h"
#include "temporary_folder.h"

namespace hone {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(HONE_SOURCE_DIR) / "tests/data/safetensors";

std::string file_of(const std::string& header, size_t data_bytes) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(header.size() >> (8 * i));
  return text + header + std::string(data_bytes, '\0');
}

SafetensorsHeader parse(const std::string& bytes) {
  return parse_safetensors_header(bytes, bytes.size(), "f");
}

std::string complaint(const std::string& header, size_t data_bytes) {
  const std::string bytes = file_of(header, data_bytes);
  const Error error = error_of([&] { parse(bytes); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  return error.what();
}

std::string entry(const std::string& name, const std::string& type, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

TEST(Safetensors, ReadsWhatTheReferenceWrote) {
  const SafetensorsFile file(kGoldens / "every_type.safetensors");
  EXPECT_EQ(file.tensors().size(), 26u);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const StoredTensor* named = file.find("이름 \"\\\n\x01/é");
  ASSERT_NE(named, nullptr);
  EXPECT_TRUE(named->shape.empty());
  float value = 0;
  std::memcpy(&value, file.data(*named), sizeof value);
  EXPECT_EQ(value, 1.5f);
  const StoredTensor* bf16 = file.find("b.7");
  ASSERT_NE(bf16, nullptr);
  EXPECT_EQ(bf16->type, StoredType::kBF16);
  uint16_t bits[3];
  std::memcpy(bits, file.data(*bf16), sizeof bits);
  EXPECT_EQ(bits[0], 0x0000);
  EXPECT_EQ(bits[1], 0x3F80);
  EXPECT_EQ(bits[2], 0x4000);
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST(Safetensors, WritesTheBytesThatTheReferenceWrites) {
  const TemporaryFolder folder;
  for (const char* name : {"every_type.safetensors", "nothing.safetensors", "no_metadata.safetensors"}) {
    const SafetensorsFile golden(kGoldens / name);
    std::vector<TensorToStore> tensors;
    for (const StoredTensor& tensor : golden.tensors()) {
      // The order in which tensors are handed over must not matter.
      tensors.insert(tensors.begin(), {tensor.name, tensor.type, tensor.shape, golden.data(tensor)});
    }
    write_safetensors(folder / name, tensors, golden.metadata());
    EXPECT_EQ(read_file(folder / name), read_file(kGoldens / name)) << name;
  }
}

TEST(Safetensors, ReadsFilesOfOtherWriters) {
  const struct {
    const char* name;
    StoredType type;
    size_t rank;
  } files[] = {{"tensor-1d-int32", StoredType::kI32, 1},
               {"tensor-2d-float64", StoredType::kF64, 2},
               {"tensor-3d-float32", StoredType::kF32, 3},
               {"tensor-4d-float32", StoredType::kF32, 4}};
  for (const auto& expected : files) {
    const SafetensorsFile file(kGoldens / (std::string(expected.name) + ".safetensors"));
    ASSERT_EQ(file.tensors().size(), 1u);
    EXPECT_EQ(file.tensors()[0].type, expected.type);
    EXPECT_EQ(file.tensors()[0].shape.size(), expected.rank);
  }
}

TEST(Safetensors, DataIsAlignedToItsElement) {
  const SafetensorsFile file(kGoldens / "every_type.safetensors");
  for (const StoredTensor& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.data(tensor)) % stored_type_size(tensor.type), 0u) << tensor.name;
  }
}

TEST(Safetensors, EveryCutFileIsRefused) {
  const std::string whole = read_file(kGoldens / "every_type.safetensors");
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    EXPECT_THROW(parse(cut), Error) << size;
  }
  EXPECT_THROW(parse(whole + '\0'), Error);
  EXPECT_NO_THROW(parse(whole));
}

TEST(Safetensors, AlteredHeadersNeverReachOutsideTheFile) {
  const std::string whole = read_file(kGoldens / "every_type.safetensors");
  RandomStream random(1);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = whole;
    for (uint64_t i = 0, changes = 1 + random.below(3); i < changes; ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    try {
      const SafetensorsHeader header = parse(bytes);
      for (const StoredTensor& tensor : header.tensors) ASSERT_LE(header.data_offset + tensor.end, bytes.size());
    } catch (const Error&) {
    }
  }
}

TEST(Safetensors, FaultsNameTheTensorAndBothNumbers) {
  const std::string good = entry("w", "F32", "[2]", "[0,8]");
  EXPECT_TRUE(contains(complaint("{" + good + "}", 4), "outside the 4 bytes"));
  EXPECT_TRUE(contains(complaint("{" + good + "}", 9), "holds 9 bytes of data, its header describes 8"));
  EXPECT_TRUE(
      contains(complaint("{" + entry("w", "F32", "[3]", "[0,8]") + "}", 8), "span 8 bytes, but [3] of F32 takes 12"));
  EXPECT_TRUE(contains(complaint("{" + entry("w", "F32", "[2]", "[8,0]") + "}", 8), "end before they begin"));
  EXPECT_TRUE(contains(complaint("{" + good + "," + entry("v", "U8", "[4]", "[6,10]") + "}", 10), "inside \"w\""));
  EXPECT_TRUE(
      contains(complaint("{" + good + "," + entry("v", "U8", "[1]", "[9,10]") + "}", 10), "no tensor covers the gap"));
  EXPECT_TRUE(contains(complaint("{" + good + "," + good + "}", 8), "\"w\" is given twice"));
  EXPECT_TRUE(contains(complaint("{" + entry("w", "F31", "[2]", "[0,8]") + "}", 8), "dtype \"F31\" cannot be read"));
  EXPECT_TRUE(contains(complaint("{" + entry("가중치", "F32", "[-2]", "[0,8]") + "}", 8), "tensor \"가중치\""));
  EXPECT_TRUE(contains(complaint("{" + entry("w", "F32", "[2.5]", "[0,8]") + "}", 8), "\"shape\" holds 2.5"));
  EXPECT_TRUE(contains(complaint("{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8), "has no \"data_offsets\""));
  EXPECT_TRUE(contains(complaint("{\"w\":3}", 8), "not an object"));
  EXPECT_TRUE(contains(complaint("{\"__metadata__\":{\"a\":1}}", 0), "is not a text"));
  EXPECT_TRUE(contains(complaint("{\"w\":[[[[[1]]]]]}", 0), "nests deeper"));
  EXPECT_TRUE(contains(complaint("{\"w\":", 0), "not valid JSON at byte"));
  EXPECT_TRUE(contains(complaint("[]", 0), "does not begin with"));
  EXPECT_TRUE(contains(complaint("", 0), "does not begin with"));
}

TEST(Safetensors, ProductsThatOverflowAreRefused) {
  // 2^32 * 2^32 is 0 in 64 bits: an unchecked product would call this an empty tensor.
  EXPECT_TRUE(
      contains(complaint("{" + entry("w", "U8", "[4294967296,4294967296]", "[0,0]") + "}", 0), "more than 2^63"));
  EXPECT_TRUE(
      contains(complaint("{" + entry("w", "F64", "[2305843009213693952]", "[0,0]") + "}", 0), "more than 2^63"));
  EXPECT_TRUE(
      contains(complaint("{" + entry("w", "U8", "[18446744073709551615]", "[0,0]") + "}", 0), "\"shape\" holds"));
  const auto header = parse(file_of("{" + entry("w", "F64", "[9223372036854775807,0,4]", "[0,0]") + "}", 0));
  EXPECT_EQ(header.tensors.at(0).size(), 0u);
}

TEST(Safetensors, HeaderLengthIsCheckedBeforeItIsUsed) {
  const std::string absurd(8, '\xff');
  EXPECT_TRUE(contains(error_of([&] { parse(absurd + "{}"); }).what(), "18446744073709551615"));
  EXPECT_THROW(parse("1234567"), Error);
}

TEST(Safetensors, ManyEntriesTakeNoHours) {
  constexpr int kEntries = 200'000;
  std::string header = "{";
  for (int i = 0; i < kEntries; ++i) {
    header += (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  }
  header += "}";
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i) & 0xff);
  bytes += header;
  const std::clock_t begin = std::clock();  // the processor's time: another program may take the machine's
  EXPECT_EQ(parse_safetensors_header(bytes, bytes.size(), "many").tensors.size(), kEntries);
  EXPECT_LT(std::clock() - begin, 30 * CLOCKS_PER_SEC);
}

TEST(Safetensors, ANameTwiceIsTheCallersBug) {
  const TemporaryFolder folder;
  const float value = 1;
  const TensorToStore tensor{"w", StoredType::kF32, {1}, &value};
  EXPECT_THROW(write_safetensors(folder / "f", {tensor, tensor}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(folder / "f", {{"__metadata__", StoredType::kF32, {1}, &value}}),
               std::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(folder / "f"));
}

class Shards : public testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(folder_ / "model-00001-of-00002.safetensors", {{"a", StoredType::kF32, {2}, values_}});
    write_safetensors(folder_ / "model-00002-of-00002.safetensors", {{"b", StoredType::kF32, {1}, values_ + 2}});
  }
  void write_index(const std::string& weight_map) {
    write_file(folder_ / "model.safetensors.index.json",
               "{\"metadata\":{\"total_size\":12},\"weight_map\":" + weight_map + "}");
  }
  std::string complaint() {
    return error_of([&] { CheckpointFiles files(folder_.path()); }).what();
  }
  const float values_[3] = {1, 2, 3};
  const TemporaryFolder folder_;
};

TEST_F(Shards, AreFoundThroughTheIndex) {
  write_index(R"({"b":"model-00002-of-00002.safetensors","a":"model-00001-of-00002.safetensors"})");
  const CheckpointFiles files(folder_.path());
  EXPECT_EQ(files.tensors().size(), 2u);
  EXPECT_EQ(files.files().size(), 2u);
  EXPECT_EQ(files.total_bytes(), 12u);
  float value = 0;
  std::memcpy(&value, files.at("b").data(), sizeof value);
  EXPECT_EQ(value, 3);
  EXPECT_FALSE(files.contains("c"));
  EXPECT_TRUE(contains(error_of([&] { files.at("aa"); }).what(), "has no tensor \"aa\""));
}

TEST_F(Shards, FaultsOfTheIndexAreNamed) {
  write_index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00003-of-00002.safetensors"})");
  EXPECT_TRUE(contains(complaint(), "model-00003-of-00002.safetensors, which is missing"));
  write_index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors"})");
  EXPECT_TRUE(contains(complaint(), "which does not have it"));
  write_index(R"({"a":"../model-00001-of-00002.safetensors"})");
  EXPECT_TRUE(contains(complaint(), "expected the name of a file in the same folder"));
  write_index(R"({"a":1})");
  EXPECT_TRUE(contains(complaint(), "names 1, expected"));
  write_index("{}");
  EXPECT_TRUE(contains(complaint(), "no \"weight_map\""));
}

TEST_F(Shards, ASingleFileGoesBeforeAnIndex) {
  write_safetensors(folder_ / "model.safetensors", {{"whole", StoredType::kF32, {1}, values_}});
  write_index(R"({"b":"model-00002-of-00002.safetensors"})");
  EXPECT_TRUE(CheckpointFiles(folder_.path()).contains("whole"));
}

TEST(CheckpointFilesOf, AFolderWithoutWeightsSaysWhatItHolds) {
  const TemporaryFolder folder;
  write_file(folder / "pytorch_model.bin", "x");
  const std::string text = error_of([&] { CheckpointFiles files(folder.path()); }).what();
  EXPECT_TRUE(contains(text, "neither model.safetensors nor")) << text;
  EXPECT_TRUE(contains(text, "pytorch_model.bin")) << text;
}

}  // namespace
}  // namespace hone
