// Functions a template can call by name.
#include <sys/time.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "base/strings.h"
#include "text/jinja/methods.h"
#include "text/jinja/objects.h"

namespace hone::text::jinja {
namespace {

class Function final : public Object {
 public:
  using Body = Value (*)(Runtime&, const Arguments&);
  Function(const char* name, Body body) : name_(name), body_(body) {}
  const char* type_name() const override { return "function"; }
  std::string repr(Runtime&) const override { return std::string("<function ") + name_ + ">"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override { return body_(runtime, arguments); }

 private:
  const char* name_;
  Body body_;
};

Value range(Runtime& runtime, const Arguments& arguments) {
  const Bound bound(runtime, "range", arguments, {"/start", "/stop", "/step"}, 1);
  const bool one = !bound.has(1);
  const Int begin = one ? 0 : bound.integer(0, 0), end = bound.integer(one ? 0 : 1, 0), step = bound.integer(2, 1);
  constexpr Int kFar = Int{1} << 64;
  for (const Int number : {begin, end, step}) {
    if (number > kFar || number < -kFar) runtime.fail("range: this integer is too large");
  }
  if (step == 0) runtime.fail("range() arg 3 must not be zero");
  const Int count =
      step > 0 ? (end > begin ? (end - begin - 1) / step + 1 : 0) : (begin > end ? (begin - end - 1) / -step + 1 : 0);
  if (count > static_cast<Int>(runtime.limits.range_items)) {
    runtime.fail(format("range too big: the sandbox blocks ranges of more than %zu items", runtime.limits.range_items));
  }
  return std::make_shared<Range>(begin, end, step, static_cast<size_t>(count));
}

/// dict(): from a mapping or from pairs, then the keyword arguments.
std::shared_ptr<Dict> build_dict(Runtime& runtime, const char* name, const Arguments& arguments) {
  auto dict = std::make_shared<Dict>();
  if (arguments.positional.size() > 1) {
    runtime.fail(format("%s expected at most 1 argument, got %zu", name, arguments.positional.size()));
  }
  if (!arguments.positional.empty() && arguments.positional[0].is_dict()) {
    for (const auto& [key, value] : arguments.positional[0].as_dict()->entries()) dict->set(runtime, key, value);
  } else if (!arguments.positional.empty()) {
    for (const Value& pair : to_vector(runtime, arguments.positional[0])) {
      const std::vector<Value> parts = to_vector(runtime, pair);
      if (parts.size() != 2) runtime.fail(format("%s needs pairs of key and value", name));
      dict->set(runtime, parts[0], parts[1]);
    }
  }
  for (const auto& [key, value] : arguments.named) dict->set(runtime, Value(key), value);
  return dict;
}

Value make_dict_value(Runtime& runtime, const Arguments& arguments) {
  return make_dict(runtime, build_dict(runtime, "dict", arguments));
}

Value make_namespace(Runtime& runtime, const Arguments& arguments) {
  const auto result = std::make_shared<Namespace>();
  runtime.spend(10);
  runtime.keep(result);
  const auto members = build_dict(runtime, "namespace", arguments);
  for (const auto& [key, value] : members->entries()) {
    if (key.is_string()) result->set(runtime, key.as_string(), value);
  }
  return result;
}

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const Bound bound(runtime, "raise_exception", arguments, {"message"}, 1);
  runtime.fail(str(runtime, bound[0]));
}

/// HONE_NOW="2025-03-01T12:00:00" stands in for the clock, so that a rendering can be repeated.
std::pair<std::tm, long> now(Runtime& runtime) {
  std::tm parts{};
  if (const char* fixed = std::getenv("HONE_NOW"); fixed != nullptr && *fixed != 0) {
    const char* rest = ::strptime(fixed, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || *rest != 0) {
      runtime.fail(
          format("the environment variable HONE_NOW is \"%s\", expected a time such as 2025-03-01T12:00:00", fixed));
    }
    return {parts, 0};
  }
  timeval clock{};
  ::gettimeofday(&clock, nullptr);
  ::localtime_r(&clock.tv_sec, &parts);
  return {parts, clock.tv_usec};
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const Bound bound(runtime, "strftime_now", arguments, {"format"}, 1);
  const std::string& wanted = bound.string(0);
  if (wanted.size() > 4096) runtime.fail("strftime_now: the format is too long");
  const auto [parts, microseconds] = now(runtime);
  std::string pattern;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const char next = wanted[i] == '%' && i + 1 < wanted.size() ? wanted[i + 1] : 0;
    if (next == 'f') {  // Python's own; the C library does not know it
      pattern += format("%06ld", microseconds);
    } else if (next != 0 && next != 'z' && next != 'Z') {
      pattern += {'%', next};
    } else if (next == 0) {
      pattern += wanted[i];
      continue;
    }
    ++i;  // the time has no zone, so %z and %Z are empty
  }
  if (pattern.empty()) return "";
  // A blank keeps an empty result apart from one that does not fit.
  pattern += ' ';
  std::string text(256 + pattern.size() * 16, '\0');
  text.resize(std::strftime(text.data(), text.size(), pattern.c_str(), &parts));
  if (text.empty()) runtime.fail("strftime_now: the result is too long");
  text.pop_back();
  return text;
}

class Cycler final : public Object {
 public:
  Cycler(Runtime& runtime, std::vector<Value> items) : items_(make_tuple(runtime, std::move(items))) {
    depth_ = items_.depth() + 1;
  }
  const char* type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Runtime&, std::string_view name) override;
  Value next() {
    Value value = current();
    at_ = (at_ + 1) % items_.as_items()->values.size();
    return value;
  }
  void reset() { at_ = 0; }

 private:
  const Value& current() const { return items_.as_items()->values[at_]; }
  Value items_;
  size_t at_ = 0;
};

std::optional<Value> Cycler::attribute(Runtime&, std::string_view name) {
  const auto bind = [&](Method method) {
    return Value(std::make_shared<BoundMethod>(Value(shared_from_this()), std::string(name), method));
  };
  if (name == "current") return current();
  if (name == "items") return items_;
  if (name == "pos") return Value(at_);
  if (name == "next") {
    return bind([](Runtime& runtime, const Value& self, const Arguments& arguments) {
      const Bound bound(runtime, "next", arguments, {}, 0);
      return self.as<Cycler>()->next();
    });
  }
  if (name == "reset") {
    return bind([](Runtime& runtime, const Value& self, const Arguments& arguments) -> Value {
      const Bound bound(runtime, "reset", arguments, {}, 0);
      self.as<Cycler>()->reset();
      return None{};
    });
  }
  return std::nullopt;
}

Value cycler(Runtime& runtime, const Arguments& arguments) {
  if (!arguments.named.empty()) runtime.fail("cycler() takes no keyword arguments");
  if (arguments.positional.empty()) runtime.fail("at least one item has to be provided");
  return std::make_shared<Cycler>(runtime, arguments.positional);
}

class Joiner final : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) { depth_ = separator_.depth() + 1; }
  const char* type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override {
    const Bound bound(runtime, "joiner", arguments, {}, 0);
    return std::exchange(used_, true) ? separator_ : Value("");
  }
  std::optional<Value> attribute(Runtime&, std::string_view name) override {
    if (name == "sep") return separator_;
    return name == "used" ? std::optional<Value>(used_) : std::nullopt;
  }

 private:
  Value separator_;
  bool used_ = false;
};

Value joiner(Runtime& runtime, const Arguments& arguments) {
  const Bound bound(runtime, "joiner", arguments, {"sep"}, 0);
  Value separator = bound.value(0, ", ");
  if (separator.depth() >= runtime.limits.value_depth) runtime.fail("values are nested too deeply");
  return std::make_shared<Joiner>(std::move(separator));
}

Value lipsum(Runtime& runtime, const Arguments&) {
  runtime.fail("lipsum() is not supported: its text is random");
}

constexpr std::array<std::pair<const char*, Function::Body>, 8> kFunctions = {{
    {"cycler", cycler},
    {"dict", make_dict_value},
    {"joiner", joiner},
    {"lipsum", lipsum},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
}};

}  // namespace

Value find_global(Runtime&, std::string_view name) {
  for (const auto& [known, body] : kFunctions) {
    if (known == name) return std::make_shared<Function>(known, body);
  }
  return {};
}

}  // namespace hone::text::jinja
