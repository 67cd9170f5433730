// A model folder in few bits from a dense one, whatever its size.
#pragma once
#include <filesystem>
#include <functional>

#include "model/quantization.h"

namespace hone::model {

struct QuantizedFolder {
  int64_t matrices = 0;                        ///< that are in few bits now
  int64_t dense_bytes = 0, written_bytes = 0;  ///< of all weights, before and after
};

/// Reads `source` tensor by tensor and writes `folder` (which exists) as transformers would: codes and statistics as
/// bitsandbytes makes them, everything else as it was stored, configuration and tokenizer. In memory at one time:
/// one dense tensor, and one file of at most `shard_bytes`. A source that is already quantised throws Error(kInput).
QuantizedFolder quantize_folder(const std::filesystem::path& source, const std::filesystem::path& folder,
                                const Quantization& quantization, int64_t shard_bytes,
                                const std::function<void(int64_t done, int64_t all)>& progress = {});

}  // namespace hone::model
