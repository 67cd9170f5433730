// The list of model families. A family is one file here and one line in families.def.
#pragma once
#include "base/registry.h"
#include "model/config.h"

namespace hone::model {

const Registry<Family>& families();

/// Readers for config.json values that name the key and what was expected.
class ConfigReader {
 public:
  ConfigReader(const Json& json, std::string place);
  int64_t positive(const char* key) const;
  int64_t positive_or(const char* key, int64_t fallback) const;
  /// The same where 0 is a value.
  int64_t count_or(const char* key, int64_t fallback) const;
  /// `whole` in `parts` equal parts; `key` is where a number of parts that does not divide it was read.
  int64_t even_share(const char* key, int64_t whole, int64_t parts) const;
  double number_or(const char* key, double fallback) const;
  bool flag_or(const char* key, bool fallback) const;
  std::string text_or(const char* key, const std::string& fallback) const;
  /// rope_theta and rope_scaling (transformers 4) or rope_parameters (transformers 5).
  RopeConfig rope() const;
  std::vector<int32_t> token_ids(const char* key) const;
  tensor::Activation activation(const char* key, const std::string& fallback) const;
  [[noreturn]] void fail(const char* key, const std::string& problem,
                         const std::string& remedy = "check config.json against the model's publisher") const;

 private:
  const Json& json_;
  std::string place_;
};

}  // namespace hone::model
