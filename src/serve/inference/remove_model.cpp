#include "serve/inference/remove_model.h"

namespace hone::serve {

bool remove_model(Records& records, ModelHost& host, const std::string& name) {
  const auto model = records.model(name);
  if (!model || !records.remove_model(name)) return false;
  host.forget(model->folder);
  return true;
}

}  // namespace hone::serve
