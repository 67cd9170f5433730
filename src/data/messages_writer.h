// An example written as one line of the `messages` shape (a pair of the `preference` shape, a raw text as {"text"}),
// which reads back as the same example.
#pragma once
#include <string>

#include "data/example.h"

namespace hone::data {

std::string to_messages_line(const Example& example);

}  // namespace hone::data
