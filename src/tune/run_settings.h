// What a configuration file comes to: the options of model, method and trainer.
#pragma once
#include <optional>
#include <string>

#include "model/quantization.h"
#include "recipe/train_config.h"
#include "tune/method.h"
#include "tune/trainer.h"

namespace hone::tune {

/// Of the arithmetic on `device`; "auto" is what it is fast at.
at::ScalarType compute_type(const recipe::TrainConfig& config, const c10::Device& device);
/// How the base is to be brought to few bits; nothing where it is not.
std::optional<model::Quantization> quantization(const recipe::TrainConfig& config);
MethodOptions method_options(const recipe::TrainConfig& config);
/// All but `run_fingerprint` and `regularizer`, which depend on the data.
TrainerOptions trainer_options(const recipe::TrainConfig& config, const ObjectiveKind& objective);

/// Of everything that decides the losses: a continuation must agree in all of it. How often is logged, evaluated or
/// saved may change.
std::string run_fingerprint(const recipe::TrainConfig& config, const std::string& data, at::ScalarType compute_type);

}  // namespace hone::tune
