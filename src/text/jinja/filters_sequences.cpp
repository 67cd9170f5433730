// Filters on sequences and mappings. Where the reference returns a generator, so do these: nothing is
// worked out before it is asked for.
#include <algorithm>

#include "base/strings.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/unicode.h"

namespace hone::text::jinja::filters {
namespace {

Value without_case(const Value& value) {
  if (!value.is_string()) return value;
  return Text{std::make_shared<const std::string>(lower(value.as_string())), value.as_text().markup};
}

/// A generator over a function that yields the next item.
template <typename Next>
class Yield final : public Iterator {
 public:
  explicit Yield(Next next) : next_(std::move(next)) {}
  std::optional<Value> next(Runtime& runtime) override {
    const Nested nested(runtime);
    runtime.spend(1);
    return next_(runtime);
  }

 private:
  Next next_;
};

template <typename Next>
Value generate(Runtime& runtime, const Value& source, Next next, const char* type_name = "generator") {
  return make_generator(runtime, type_name, std::make_shared<Yield<Next>>(std::move(next)), source.depth());
}

/// The items of `source`, from the first request on: what cannot be iterated fails only then.
class Source {
 public:
  explicit Source(Value value) : value_(std::move(value)) {}
  std::optional<Value> next(Runtime& runtime) {
    if (iterator_ == nullptr) iterator_ = iterate(runtime, value_);
    return iterator_->next(runtime);
  }
  const Value& value() const { return value_; }

 private:
  Value value_;
  std::shared_ptr<Iterator> iterator_;
};

struct Keyed {
  Value key, item;
};

/// sorted(): stable, and with `reverse` equal items still keep their order.
void sort_keyed(Runtime& runtime, std::vector<Keyed>& all, bool reverse) {
  std::stable_sort(all.begin(), all.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(runtime, b.key, a.key) : less(runtime, a.key, b.key);
  });
}

std::vector<Keyed> with_keys(Runtime& runtime, const Value& value, const AttributePath& path) {
  std::vector<Keyed> all;
  for (Value& item : to_vector(runtime, value)) all.push_back({path(runtime, item), std::move(item)});
  return all;
}

}  // namespace

AttributePath::AttributePath(Runtime& runtime, const Value& attribute, bool ignore_case, Value otherwise)
    : ignore_case_(ignore_case), otherwise_(std::move(otherwise)) {
  if (attribute.is_none()) return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  for (const std::string& part : split(attribute.as_string(), '.')) {
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    parts_.push_back(number ? Value(*parse_int(runtime, part, 10)) : Value(part));
  }
}

Value AttributePath::operator()(Runtime& runtime, const Value& item) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = get_item(runtime, value, part);
    if (value.is_undefined() && !otherwise_.is_none()) value = otherwise_;
  }
  return ignore_case_ ? without_case(value) : value;
}

// ---- simple ones -----------------------------------------------------------------------------------------

Value counted(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "length", arguments, {}, 0);
  return length(runtime, value);
}

Value defaulted(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "default", arguments, {"default_value", "boolean"}, 0);
  const bool absent = value.is_undefined() || (bound.flag(1, false) && !truth(value));
  return absent ? bound.value(0, "") : value;
}

Value attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "attr", arguments, {"name"}, 1);
  const std::string& name = bound.string(0);
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  const bool there = value.is_object() ? value.as_object()->attribute(runtime, name).has_value()
                                       : builtin_attribute(runtime, value, name).has_value();
  if (there || is_mutating(value, name)) return get_attribute(runtime, value, name);
  return undefined(format("'%s object' has no attribute %s", value.type_name(), repr_string(name).c_str()));
}

Value first(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "first", arguments, {}, 0);
  const auto item = iterate(runtime, value)->next(runtime);
  return item ? *item : undefined("No first item, sequence was empty.");
}

Value last(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "last", arguments, {}, 0);
  const bool reversible = value.is_undefined() || value.is_string() || value.is_list() || value.is_tuple() ||
                          value.is_dict() || value.as<Range>() != nullptr || value.as<DictView>() != nullptr;
  if (!reversible) runtime.fail(format("'%s' object is not reversible", value.type_name()));
  std::vector<Value> items = to_vector(runtime, value);
  return items.empty() ? undefined("No last item, sequence was empty.") : std::move(items.back());
}

Value listed(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "list", arguments, {}, 0);
  return make_list(runtime, to_vector(runtime, value));
}

Value items(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "items", arguments, {}, 0);
  return generate(runtime, value, [value, at = size_t{0}](Runtime& now) mutable -> std::optional<Value> {
    if (value.is_undefined()) return std::nullopt;
    if (!value.is_dict()) now.fail("can only get item pairs from a mapping");
    if (at >= value.as_dict()->size()) return std::nullopt;
    const auto& [key, item] = value.as_dict()->entries()[at++];
    return make_tuple(now, {key, item});
  });
}

Value reversed(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "reverse", arguments, {}, 0);
  if (value.is_string()) return get_slice(runtime, value, None{}, None{}, -1);
  if (!is_iterable(runtime, value)) runtime.fail("reverse: the argument must be iterable");
  std::vector<Value> all = to_vector(runtime, value);
  std::reverse(all.begin(), all.end());
  Value turned = make_list(runtime, std::move(all));
  const bool is_sequence = value.is_undefined() || value.is_list() || value.is_tuple() || value.is_dict() ||
                           value.as<Range>() != nullptr || value.as<DictView>() != nullptr;
  // Python's reversed() gives an iterator; what it cannot turn becomes a list.
  if (!is_sequence) return turned;
  return make_generator(runtime, value.is_list() ? "list_reverseiterator" : "reversed", iterate(runtime, turned),
                        turned.depth());
}

Value joined(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "join", arguments, {"d", "attribute"}, 0);
  const AttributePath path(runtime, bound.value(1, None{}));
  const std::string separator = bound.has(0) ? str(runtime, bound[0]) : "";
  std::string out;
  bool is_first = true;
  const auto all = iterate(runtime, value);
  while (const auto item = all->next(runtime)) {
    if (!is_first) runtime.append(out, separator);
    is_first = false;
    runtime.append(out, str(runtime, path(runtime, *item)));
  }
  return out;
}

// ---- order -------------------------------------------------------------------------------------------------

Value sorted(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "sort", arguments, {"reverse", "case_sensitive", "attribute"}, 0);
  const bool ignore_case = !bound.flag(1, false);
  std::vector<AttributePath> paths;
  const Value wanted = bound.value(2, None{});
  if (wanted.is_string()) {
    for (const std::string& part : split(wanted.as_string(), ','))
      paths.emplace_back(runtime, Value(part), ignore_case);
  } else {
    paths.emplace_back(runtime, wanted, ignore_case);
  }
  std::vector<Keyed> all;
  for (Value& item : to_vector(runtime, value)) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) keys.push_back(path(runtime, item));
    all.push_back({make_list(runtime, std::move(keys)), std::move(item)});
  }
  sort_keyed(runtime, all, bound.flag(0, false));
  std::vector<Value> result;
  for (Keyed& entry : all) result.push_back(std::move(entry.item));
  return make_list(runtime, std::move(result));
}

Value dict_sorted(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "dictsort", arguments, {"case_sensitive", "by", "reverse"}, 0);
  const std::string by = bound.has(1) ? str(runtime, bound[1]) : "key";
  if (by != "key" && by != "value") runtime.fail("dictsort: sort by either \"key\" or \"value\"");
  if (value.is_undefined()) runtime.fail(*value.as_undefined().message);
  if (!value.is_dict()) runtime.fail(format("'%s' object has no attribute 'items'", value.type_name()));
  std::vector<Keyed> all;
  for (const auto& [key, item] : value.as_dict()->entries()) {
    const Value& chosen = by == "key" ? key : item;
    all.push_back({bound.flag(0, false) ? chosen : without_case(chosen), make_tuple(runtime, {key, item})});
  }
  sort_keyed(runtime, all, bound.flag(2, false));
  std::vector<Value> result;
  for (Keyed& entry : all) result.push_back(std::move(entry.item));
  return make_list(runtime, std::move(result));
}

namespace {

Value extreme(Runtime& runtime, const Value& value, const Arguments& arguments, bool largest) {
  const Bound bound(runtime, largest ? "max" : "min", arguments, {"case_sensitive", "attribute"}, 0);
  const AttributePath path(runtime, bound.value(1, None{}), !bound.flag(0, false));
  const auto all = iterate(runtime, value);
  std::optional<Keyed> best;
  while (auto item = all->next(runtime)) {
    Value key = path(runtime, *item);
    const bool better =
        !best || (largest ? ordered(runtime, key, Order::kGreater, best->key) : less(runtime, key, best->key));
    if (better) best = Keyed{std::move(key), std::move(*item)};
  }
  return best ? best->item : undefined("No aggregated item, sequence was empty.");
}

}  // namespace

Value minimum(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return extreme(runtime, value, arguments, false);
}

Value maximum(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return extreme(runtime, value, arguments, true);
}

Value unique(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "unique", arguments, {"case_sensitive", "attribute"}, 0);
  const AttributePath path(runtime, bound.value(1, None{}), !bound.flag(0, false));
  auto seen = std::make_shared<ValueSet>(runtime);
  return generate(runtime, value, [source = Source(value), path, seen](Runtime& now) mutable -> std::optional<Value> {
    while (auto item = source.next(now)) {
      if (seen->insert(path(now, *item))) return item;
    }
    return std::nullopt;
  });
}

// ---- groups ------------------------------------------------------------------------------------------------

namespace {

/// What groupby yields: a tuple whose parts are also called grouper and list.
class Group final : public Object {
 public:
  Group(Value grouper, Value list) : grouper_(std::move(grouper)), list_(std::move(list)) {
    depth_ = std::max(grouper_.depth(), list_.depth()) + 1;
  }
  const char* type_name() const override { return "_GroupTuple"; }
  std::string repr(Runtime& runtime) const override {
    return "(" + jinja::repr(runtime, grouper_) + ", " + jinja::repr(runtime, list_) + ")";
  }
  bool has_items() const override { return true; }
  std::optional<Int> length(Runtime&) override { return 2; }
  std::optional<Value> attribute(Runtime&, std::string_view name) override {
    if (name == "grouper") return grouper_;
    return name == "list" ? std::optional<Value>(list_) : std::nullopt;
  }
  std::optional<Value> item(Runtime&, const Value& key) override {
    if (!key.is_integral()) return std::nullopt;
    if (key.as_int() == 0 || key.as_int() == -2) return grouper_;
    return key.as_int() == 1 || key.as_int() == -1 ? std::optional<Value>(list_) : std::nullopt;
  }
  std::shared_ptr<Iterator> iterate(Runtime& runtime) override {
    return jinja::iterate(runtime, make_tuple(runtime, {grouper_, list_}));
  }
  bool hashable() const override { return false; }

 private:
  Value grouper_, list_;
};

}  // namespace

Value grouped_by(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const bool ignore_case = !bound.flag(2, false);
  const AttributePath path(runtime, bound[0], ignore_case, bound.value(1, None{}));
  const AttributePath exact(runtime, bound[0], false, bound.value(1, None{}));
  std::vector<Keyed> all = with_keys(runtime, value, path);
  sort_keyed(runtime, all, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < all.size();) {
    std::vector<Value> members;
    size_t end = begin;
    while (end < all.size() && same_or_equal(runtime, all[begin].key, all[end].key)) members.push_back(all[end++].item);
    const Value grouper = exact(runtime, members.front());
    groups.emplace_back(std::make_shared<Group>(grouper, make_list(runtime, std::move(members))));
    begin = end;
  }
  return make_list(runtime, std::move(groups));
}

Value batch(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "batch", arguments, {"linecount", "fill_with"}, 1);
  const Value& size = bound[0];
  const Value filler = bound.value(1, None{});
  return generate(runtime, value,
                  [source = Source(value), size, filler,
                   held = std::optional<Value>()](Runtime& now) mutable -> std::optional<Value> {
                    std::vector<Value> row;
                    if (held) row.push_back(std::move(*held));
                    held = std::nullopt;
                    while (auto item = source.next(now)) {
                      now.spend_items(1);
                      if (equal(now, Value(row.size()), size)) {
                        held = std::move(item);
                        return make_list(now, std::move(row));
                      }
                      row.push_back(std::move(*item));
                    }
                    if (row.empty()) return std::nullopt;
                    if (!filler.is_none()) {
                      if (!size.is_number()) now.fail("batch: linecount must be a number");
                      while (less(now, Value(row.size()), size)) {
                        now.spend_items(1);
                        if (row.size() >= now.limits.collection_items) now.fail("a list grows too long");
                        row.push_back(filler);
                      }
                    }
                    return make_list(now, std::move(row));
                  });
}

Value sliced(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound(runtime, "slice", arguments, {"slices", "fill_with"}, 1);
  const Value& slices = bound[0];
  const Value filler = bound.value(1, None{});
  auto all = std::make_shared<std::optional<std::vector<Value>>>();
  return generate(runtime, value,
                  [value, slices, filler, all, number = size_t{0}](Runtime& now) mutable -> std::optional<Value> {
                    if (!slices.is_integral()) now.fail("slice: an integer is needed");
                    if (!*all) *all = to_vector(now, value);
                    if (slices.as_int() == 0) now.fail("integer division or modulo by zero");
                    if (static_cast<Int>(number) >= slices.as_int()) return std::nullopt;
                    const auto count = static_cast<size_t>(std::min(slices.as_int(), Int{1} << 40));
                    const size_t each = (*all)->size() / count, extra = (*all)->size() % count;
                    const size_t begin = number * each + std::min(number, extra);
                    const size_t end = begin + each + (number < extra ? 1 : 0);
                    std::vector<Value> part((*all)->begin() + static_cast<std::ptrdiff_t>(begin),
                                            (*all)->begin() + static_cast<std::ptrdiff_t>(end));
                    if (!filler.is_none() && number >= extra) part.push_back(filler);
                    ++number;
                    return make_list(now, std::move(part));
                  });
}

// ---- map, select and reject -----------------------------------------------------------------------------------

Value mapped(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const auto make = [arguments](Runtime& now) -> std::function<Value(Runtime&, const Value&)> {
    Arguments rest = arguments;
    if (rest.positional.empty() && !rest.named.empty()) {
      const Bound bound(now, "map", rest, {"attribute", "default"}, 1);
      return [path = AttributePath(now, bound[0], false, bound.value(1, None{}))](Runtime& later, const Value& item) {
        return path(later, item);
      };
    }
    if (rest.positional.empty()) now.fail("map requires a filter argument");
    const std::string name = str(now, rest.positional[0]);
    const Filter filter = find_filter(name);
    if (filter == nullptr) now.fail("no filter named '" + name + "'" + did_you_mean(name, filter_names()));
    rest.positional.erase(rest.positional.begin());
    return [filter, rest](Runtime& later, const Value& item) { return filter(later, item, rest); };
  };
  return generate(runtime, value,
                  [source = Source(value), make, apply = std::function<Value(Runtime&, const Value&)>()](
                      Runtime& now) mutable -> std::optional<Value> {
                    if (apply == nullptr) {
                      if (!truth(source.value())) return std::nullopt;
                      apply = make(now);
                    }
                    const auto item = source.next(now);
                    if (!item) return std::nullopt;
                    return apply(now, *item);
                  });
}

namespace {

Value chosen(Runtime& runtime, const Value& value, const Arguments& arguments, bool wanted, bool by_attribute) {
  using Condition = std::function<bool(Runtime&, const Value&)>;
  const auto make = [arguments, by_attribute](Runtime& now) -> Condition {
    const size_t at = by_attribute ? 1 : 0;
    if (arguments.positional.size() < at) now.fail("the name of an attribute is missing");
    const AttributePath path(now, by_attribute ? arguments.positional[0] : Value(None{}));
    if (arguments.positional.size() <= at) {
      return [path](Runtime& later, const Value& item) { return truth(path(later, item)); };
    }
    const std::string name = str(now, arguments.positional[at]);
    const Test test = find_test(name);
    if (test == nullptr) now.fail("no test named '" + name + "'" + did_you_mean(name, test_names()));
    Arguments rest = arguments;
    rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    return [path, test, rest](Runtime& later, const Value& item) { return test(later, path(later, item), rest); };
  };
  return generate(
      runtime, value,
      [source = Source(value), make, wanted, holds = Condition()](Runtime& now) mutable -> std::optional<Value> {
        if (holds == nullptr) {
          if (!truth(source.value())) return std::nullopt;
          holds = make(now);
        }
        while (auto item = source.next(now)) {
          if (holds(now, *item) == wanted) return item;
        }
        return std::nullopt;
      });
}

}  // namespace

Value selected(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return chosen(runtime, value, arguments, true, false);
}
Value rejected(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return chosen(runtime, value, arguments, false, false);
}
Value selected_by_attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return chosen(runtime, value, arguments, true, true);
}
Value rejected_by_attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return chosen(runtime, value, arguments, false, true);
}

}  // namespace hone::text::jinja::filters
