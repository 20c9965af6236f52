#include "common/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "common/concat.h"

namespace paddock {

namespace {
std::atomic<CheckHook> g_hook{nullptr};
}  // namespace

void set_check_hook(CheckHook hook) {
  g_hook.store(hook);
}

void check_failed(const char* condition, const char* file, int line) {
  const std::string what = concat("check failed: ", condition, " (", file, ":", line, ")");
  if (const CheckHook hook = g_hook.load()) hook(what);
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

}  // namespace paddock
