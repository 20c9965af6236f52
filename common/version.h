#pragma once

#include <string_view>

namespace paddock {

inline constexpr std::string_view kVersion = "0.1.0";

// What clients and monitors are told. Older releases of ZooKeeper write the date with slashes,
// newer ones with dashes; parsers exist that take only the former (go-zookeeper), and none is known
// that takes only the latter. The date is the release's, so that equal sources build equal
// programs.
inline constexpr std::string_view kZooKeeperVersion =
    "3.8.0-paddock-0.1.0, built on 11/22/2026 00:00 UTC";

}  // namespace paddock
