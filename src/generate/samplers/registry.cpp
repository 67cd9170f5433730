#include "generate/sampling.h"

namespace hone::generate {

#define SAMPLER(name) void register_##name(Registry<ProcessorMaker>&);
#include "generate/samplers/samplers.def"
#undef SAMPLER

const Registry<ProcessorMaker>& processors() {
  static const Registry<ProcessorMaker> all = [] {
    Registry<ProcessorMaker> registry("sampler");
#define SAMPLER(name) register_##name(registry);
#include "generate/samplers/samplers.def"
#undef SAMPLER
    return registry;
  }();
  return all;
}

}  // namespace hone::generate
