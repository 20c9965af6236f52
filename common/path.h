#pragma once

#include <string_view>

namespace paddock {

// Whether `path` may name a znode: starts with "/", no empty, "." or ".." component, no trailing
// "/" (but "/" itself), no character that ZooKeeper forbids, UTF-8 throughout. Source:
// ZooKeeper 3.9, common/PathUtils.java; client-protocol.md section 7.
bool is_valid_path(std::string_view path);

// "/a/b" -> "/a"; "/a" -> ""; what stands before the last "/". `path` contains a "/".
std::string_view parent_of(std::string_view path);

// "/a/b" -> "b": what stands behind the last "/".
std::string_view last_element(std::string_view path);

}  // namespace paddock
