// Put before every source of this layer by its CMakeLists.txt: clang 14 has the coroutines of C++20 but does not define
// the macro by which the standard library and Asio look for them.
#pragma once
#if defined(__clang__) && !defined(__cpp_impl_coroutine)
#define __cpp_impl_coroutine 201902L  // NOLINT(bugprone-reserved-identifier)
#endif
