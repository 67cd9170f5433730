// How much memory a run is going to take, known before its model is loaded: the real method, objective and optimiser
// are attached to an outline of the model, and what they and the largest step hold is added up.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "recipe/train_config.h"
#include "tune/method.h"
#include "tune/objectives/registry.h"
#include "tune/run_data.h"

namespace hone::tune {

struct MemoryPlan {
  /// Bytes. The first six are there all the time; of the last three, what is there at the moment of the peak.
  int64_t program = 0;    ///< this process before the model: libraries, tokenizer, examples
  int64_t weights = 0;    ///< of the base, with the copies in the type of the arithmetic that trained ones need
  int64_t adapters = 0;   ///< tensors that the method adds
  int64_t optimizer = 0;  ///< moments
  int64_t reference = 0;  ///< start weights that preferences or regularisation are held against
  int64_t cache = 0;      ///< keys and values: a training step keeps none
  int64_t gradients = 0, activations = 0, loss = 0;
  int64_t training = 0;  ///< the sum of all these
  int64_t loading = 0;   ///< the most while the model is read
  int64_t peak = 0;      ///< the larger of the two

  int64_t all_gradients = 0;          ///< of all trained tensors, whether there at the peak or not
  int64_t micro_batch_tokens = 0;     ///< of the largest one
  int64_t cache_bytes_per_token = 0;  ///< what generation with the result will keep for each token of context
  ParameterCounts parameters;

  /// The classes by name, in the order in which people read them.
  std::vector<std::pair<std::string, int64_t>> classes() const;
  Json to_json() const;
};

/// `program`: bytes that the process has besides all this. Of the model, config.json is read alone. Throws what loading
/// would for a configuration that cannot be read and a target that matches nothing.
MemoryPlan plan_memory(const recipe::TrainConfig& config, const ObjectiveKind& objective, const RunData& data,
                       const c10::Device& device, int64_t program);

/// Bytes that this process takes with the data read and the libraries at work, before the model.
int64_t program_bytes();

}  // namespace hone::tune
