#include "text/jinja/runtime.h"

#include "base/strings.h"

namespace hone::text::jinja {

void Runtime::spend_bytes(size_t bytes) {
  if (bytes > limits.string_bytes) fail("a string grows too long");
  spend(bytes / 16);
}

void Runtime::append(std::string& text, std::string_view more) {
  spend(1 + more.size() / 16);
  if (text.size() + more.size() > limits.string_bytes) fail("a string grows too long");
  text += more;
}

void Runtime::spend_items(size_t count) {
  if (count > limits.collection_items) fail("a list grows too long");
  spend(count);
}

void Runtime::out_of_work() const {
  fail("the template takes too many steps");
}

void Runtime::too_deep() {
  --depth_;
  fail("the template calls itself or nests too deeply");
}

void Runtime::release() {
  // Clearing one object can be the end of others, which are all still held here: nothing recurses.
  for (const auto& object : kept_) object->clear();
  kept_.clear();
}

Value call(Runtime& runtime, const Value& callee, const Arguments& arguments) {
  const Nested nested(runtime);
  if (callee.is_undefined()) runtime.fail(*callee.as_undefined().message);
  if (!callee.is_object()) runtime.fail(format("'%s' object is not callable", callee.type_name()));
  // A copy: a namespace it lives in may drop it meanwhile. NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
  const std::shared_ptr<Object> object = callee.as_object();
  return object->call(runtime, arguments);
}

bool is_callable(const Value& value) {
  // Undefined defines __call__ (to complain), so Python's callable() says yes.
  return value.is_undefined() || (value.is_object() && value.as_object()->callable());
}

Bound::Bound(Runtime& runtime, const char* function, const Arguments& arguments,
             std::initializer_list<const char*> names, size_t required)
    : runtime_(runtime), function_(function), names_(names), values_(names.size(), nullptr) {
  if (arguments.positional.size() > names_.size()) {
    runtime.fail(
        format("%s() takes at most %zu argument(s), %zu given", function, names_.size(), arguments.positional.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    size_t at = 0;
    while (at < names_.size() && name != names_[at]) ++at;
    if (at == names_.size()) runtime.fail(format("%s() has no keyword argument '%s'", function, name.c_str()));
    if (values_[at] != nullptr) runtime.fail(format("%s() got multiple values for '%s'", function, name.c_str()));
    values_[at] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    const char* name = names_[i][0] == '/' ? names_[i] + 1 : names_[i];
    if (values_[i] == nullptr) runtime.fail(format("%s() lacks the argument '%s'", function, name));
  }
}

Int Bound::integer(size_t i, Int otherwise) const {
  if (!has(i)) return otherwise;
  if (!values_[i]->is_integral()) {
    runtime_.fail(format("%s(): an integer is needed, not '%s'", function_, values_[i]->type_name()));
  }
  return values_[i]->as_int();
}

const std::string& Bound::string(size_t i) const {
  if (!values_[i]->is_string()) {
    runtime_.fail(format("%s(): a string is needed, not '%s'", function_, values_[i]->type_name()));
  }
  return values_[i]->as_string();
}

}  // namespace hone::text::jinja
