#pragma once

#include <string>

#include "common/check.h"
#include "common/env.h"
#include "server/storage/overlay_env.h"

namespace paddock::fuzz {

// Where nothing is on the real disk; what is put there stays in the overlay's memory.
inline const std::string kFolder = "/paddock-fuzz/version-2";

inline void put_file(server::OverlayEnv& env, const std::string& path, ByteView content) {
  PADDOCK_CHECK(env.make_folders(kFolder).ok());
  const auto file = env.open(path, OpenMode::kCreate);
  PADDOCK_CHECK(file.ok());
  PADDOCK_CHECK((*file)->write_at(0, content).ok());
}

}  // namespace paddock::fuzz
