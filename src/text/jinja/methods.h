// The methods of Python's built-in types, and the objects some of them return.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/runtime.h"

namespace hone::text::jinja {

using Method = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

/// Null for a name that type does not have.
Method find_string_method(std::string_view name);
Method find_dict_method(std::string_view name);
Method find_sequence_method(std::string_view name);
std::optional<Value> number_attribute(Runtime& runtime, const Value& number, std::string_view name);

/// text.upper before it is called.
class BoundMethod final : public Object {
 public:
  BoundMethod(Value self, std::string name, Method method);
  const char* type_name() const override { return "builtin_function_or_method"; }
  std::string repr(Runtime& runtime) const override;
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;

 private:
  Value self_;
  std::string name_;
  Method method_;
};

/// range(begin, …): `count` numbers `step` apart.
class Range final : public Object {
 public:
  Range(Int begin, Int end, Int step, size_t count) : begin_(begin), end_(end), step_(step), count_(count) {}
  const char* type_name() const override { return "range"; }
  std::string repr(Runtime& runtime) const override;
  bool truthy() const override { return count_ > 0; }
  bool has_items() const override { return true; }
  std::optional<Value> item(Runtime& runtime, const Value& key) override;
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  std::optional<Int> length(Runtime&) override { return static_cast<Int>(count_); }
  std::shared_ptr<Iterator> iterate(Runtime& runtime) override;
  Value slice(Runtime& runtime, const Value& start, const Value& stop, const Value& step) const;
  Value at(size_t i) const { return begin_ + static_cast<Int>(i) * step_; }

 private:
  Int begin_, end_, step_;
  size_t count_;
};

/// dict.keys(), dict.values(), dict.items().
class DictView final : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };
  DictView(std::shared_ptr<const Dict> dict, Part part);
  const char* type_name() const override;
  std::string repr(Runtime& runtime) const override;
  bool truthy() const override { return dict_->size() > 0; }
  std::optional<Int> length(Runtime&) override { return static_cast<Int>(dict_->size()); }
  std::shared_ptr<Iterator> iterate(Runtime& runtime) override;
  bool hashable() const override { return part_ == Part::kValues; }

 private:
  std::shared_ptr<const Dict> dict_;
  Part part_;
};

/// Where object[start:stop:step] begins, its step, and how many items it takes.
struct SliceRange {
  Int begin, step;
  size_t count;
};
SliceRange slice_range(Runtime& runtime, Int size, const Value& start, const Value& stop, const Value& step);
/// The slice of a range; nothing for other objects.
std::optional<Value> slice_object(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                                  const Value& step);

/// A generator or one of Python's built-in iterators: used up by reading it.
class Generator final : public Object {
 public:
  Generator(const char* type_name, std::shared_ptr<Iterator> iterator, int depth);
  const char* type_name() const override { return type_name_; }
  std::shared_ptr<Iterator> iterate(Runtime&) override { return iterator_; }

 private:
  const char* type_name_;
  std::shared_ptr<Iterator> iterator_;
};

}  // namespace hone::text::jinja
