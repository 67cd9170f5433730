#include "data/example.h"

namespace hone::data {

Example rejected_branch(const Example& pair) {
  const Rejected& rejected = pair.rejected.value();
  Example branch;
  branch.tools_json = pair.tools_json;
  branch.origin = pair.origin;
  if (pair.messages.empty()) {
    branch.text = pair.text.substr(0, rejected.shared) + rejected.text;
  } else {
    branch.messages.assign(pair.messages.begin(), pair.messages.begin() + static_cast<ptrdiff_t>(rejected.shared));
    branch.messages.insert(branch.messages.end(), rejected.messages.begin(), rejected.messages.end());
  }
  // What follows the prompt is an answer still, whichever of the two it is.
  branch.rejected = Rejected{.shared = rejected.shared};
  return branch;
}

}  // namespace hone::data
