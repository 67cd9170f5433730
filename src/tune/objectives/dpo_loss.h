// The losses of direct preference optimisation, each a function of log-ratios alone.
#pragma once
#include "recipe/train_config.h"
#include "tensor/tensor.h"

namespace hone::tune {

/// Of P pairs, float64: log p(answer) − log p_reference(answer), and how many tokens the answer has.
struct LogRatios {
  Tensor chosen, rejected;                ///< [P]
  Tensor chosen_tokens, rejected_tokens;  ///< [P]
};

/// The loss of each pair, [P], differentiable. With Δ = chosen − rejected, x = β Δ and ε = label_smoothing:
///   sigmoid  −(1−ε) log σ(x) − ε log σ(−x)                       Rafailov et al. 2023; ε > 0: Mitchell's cDPO
///   robust   [−(1−ε) log σ(x) + ε log σ(−x)] / (1 − 2ε)          Chowdhury et al. 2024
///   hinge    max(0, 1 − x)                                       Zhao et al. 2023 (SLiC), Liu et al. 2024
///   ipo      (Δ' − 1/(2β))², Δ' of log-ratios a token            Azar et al. 2023, eq. 17; lengths as its authors told
///   TRL
Tensor dpo_loss(const recipe::DpoConfig& options, const LogRatios& ratios);

}  // namespace hone::tune
