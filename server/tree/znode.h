#pragma once

namespace paddock::server {

// One node: stat, value, ACL number, parent, name, children. See data_tree.h for access.
class Znode;

}  // namespace paddock::server
