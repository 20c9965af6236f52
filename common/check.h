#pragma once

#include <string_view>

namespace paddock {

// Called when a PADDOCK_CHECK fails, before the process aborts. A simulation installs its own, to
// print the seed. It must not return normally for long: the process ends behind it.
using CheckHook = void (*)(std::string_view what);
void set_check_hook(CheckHook hook);

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace paddock

// A condition that only a bug of ours can break. On in every build: better stopped than wrong.
#define PADDOCK_CHECK(condition)                               \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::paddock::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
