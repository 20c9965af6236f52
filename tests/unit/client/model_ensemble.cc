#include "tests/unit/client/model_ensemble.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/path.h"

namespace paddock::test {

namespace {
std::string parent_path(std::string_view path) {
  const std::string_view parent = parent_of(path);
  return parent.empty() ? "/" : std::string(parent);
}
}  // namespace

ModelEnsemble::ModelEnsemble(std::size_t servers, bool modes_side_by_side)
    : servers_(servers), side_by_side_(modes_side_by_side) {
  nodes_["/"] = {};
}

void ModelEnsemble::cut(std::size_t index) {
  for (auto& [connection, link] : links_) link.closed = link.closed || link.server == index;
}

ModelEnsemble::Connection ModelEnsemble::open(std::size_t server) {
  Link& link = links_[++last_link_];
  link.number = last_link_;
  link.server = server;
  return last_link_;
}

void ModelEnsemble::close(Connection connection) {
  links_.erase(connection);
}

Bytes ModelEnsemble::take_output(Connection connection) {
  const auto link = links_.find(connection);
  return link == links_.end() ? Bytes() : std::exchange(link->second.out, {});
}

bool ModelEnsemble::is_closed(Connection connection) const {
  const auto link = links_.find(connection);
  return link == links_.end() || link->second.closed;
}

std::int64_t ModelEnsemble::restored_at(Connection connection) const {
  const auto found = restored_at_.find(connection);
  return found == restored_at_.end() ? 0 : found->second;
}

std::size_t ModelEnsemble::watches_of(Connection connection) const {
  const auto link = links_.find(connection);
  return link == links_.end() ? 0 : link->second.data.size() + link->second.child.size();
}

void ModelEnsemble::pass_time(Millis now) {
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    if (now - session->second.heard <= session->second.timeout) {
      ++session;
      continue;
    }
    for (auto& [connection, link] : links_) {
      if (link.session == session->first) link.closed = true;
    }
    session = sessions_.erase(session);
  }
}

std::size_t ModelEnsemble::times_applied(const std::string& data) const {
  const auto found = applied_.find(data);
  return found == applied_.end() ? 0 : found->second;
}
std::int64_t ModelEnsemble::data_changed(const std::string& path) const {
  const auto found = data_changed_.find(path);
  return found == data_changed_.end() ? 0 : found->second;
}
std::int64_t ModelEnsemble::children_changed(const std::string& path) const {
  const auto found = children_changed_.find(path);
  return found == children_changed_.end() ? 0 : found->second;
}

// ---- The tree

void ModelEnsemble::create(const std::string& path, const std::string& data) {
  ++zxid_;
  nodes_[path] = {data, 0, zxid_, zxid_, zxid_};
  nodes_[parent_path(path)].pzxid = zxid_;
  ++applied_[data];
  data_changed_[path] = children_changed_[parent_path(path)] = zxid_;
  trigger(EventType::kNodeCreated, path);
  trigger_parent(path);
}

void ModelEnsemble::set(const std::string& path, const std::string& data) {
  ++zxid_;
  ModelNode& node = nodes_.at(path);
  node.data = data;
  ++node.version;
  node.mzxid = zxid_;
  ++applied_[data];
  data_changed_[path] = zxid_;
  trigger(EventType::kNodeDataChanged, path);
}

void ModelEnsemble::remove(const std::string& path) {
  ++zxid_;
  nodes_.erase(path);
  nodes_[parent_path(path)].pzxid = zxid_;
  data_changed_[path] = children_changed_[path] = children_changed_[parent_path(path)] = zxid_;
  trigger(EventType::kNodeDeleted, path);
  trigger_parent(path);
}

std::size_t ModelEnsemble::children_of(const std::string& path) const {
  return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& n) {
    return n.first != "/" && parent_path(n.first) == path;
  }));
}

Stat ModelEnsemble::stat_of(const std::string& path) const {
  const ModelNode& node = nodes_.at(path);
  Stat stat;
  stat.czxid = Zxid{node.czxid};
  stat.mzxid = Zxid{node.mzxid};
  stat.pzxid = Zxid{node.pzxid};
  stat.version = node.version;
  stat.data_length = static_cast<std::int32_t>(node.data.size());
  stat.num_children = static_cast<std::int32_t>(children_of(path));
  return stat;
}

// ---- Watches

void ModelEnsemble::set_mode(Table& table, std::string_view path, bool Modes::*mode) {
  Modes& modes = table[std::string(path)];
  if (!side_by_side_) modes = {};
  modes.*mode = true;
}

// Whether this table has an event for the connection; what is for once is used up.
bool ModelEnsemble::hit(Table& table, const std::string& path, bool is_child_event) {
  bool is_hit = false;
  if (const auto entry = table.find(path); entry != table.end()) {
    Modes& modes = entry->second;
    is_hit = modes.once || modes.lasting || (modes.recursive && !is_child_event);
    modes.once = false;
    if (modes.none()) table.erase(entry);
  }
  if (is_child_event) return is_hit;
  for (std::string above = path; above != "/";) {
    above = parent_path(above);
    const auto entry = table.find(above);
    is_hit = is_hit || (entry != table.end() && entry->second.recursive);
  }
  return is_hit;
}

void ModelEnsemble::trigger(EventType type, const std::string& path) {
  for (auto& [connection, link] : links_) {
    bool is_told = hit(link.data, path, false);
    if (type == EventType::kNodeDeleted) is_told = hit(link.child, path, false) || is_told;
    if (is_told) notify(link, type, path, zxid_);
  }
}

void ModelEnsemble::trigger_parent(const std::string& path) {
  const std::string parent = parent_path(path);
  for (auto& [connection, link] : links_) {
    if (hit(link.child, parent, true)) {
      notify(link, EventType::kNodeChildrenChanged, parent, zxid_);
    }
  }
}

void ModelEnsemble::notify(Link& link, EventType type, std::string_view path, std::int64_t zxid) {
  Bytes record;
  JuteWriter writer(record);
  write(writer, WatcherEvent{type, 3, path});
  reply(link, kXidNotification, zxid, ErrorCode::kOk, record);
}

void ModelEnsemble::set_watches(Link& link, const SetWatchesRequest& request) {
  const auto node_of = [this](std::string_view path) -> const ModelNode* {
    const auto node = nodes_.find(std::string(path));
    return node == nodes_.end() ? nullptr : &node->second;
  };
  const std::int64_t seen = request.relative_zxid.value;
  for (const std::string_view path : request.data) {
    const ModelNode* node = node_of(path);
    if (!node) {
      notify(link, EventType::kNodeDeleted, path, -1);
    } else if (node->mzxid > seen) {
      notify(link, EventType::kNodeDataChanged, path, -1);
    } else {
      set_mode(link.data, path, &Modes::once);
    }
  }
  for (const std::string_view path : request.exist) {
    if (node_of(path)) {
      notify(link, EventType::kNodeCreated, path, -1);
    } else {
      set_mode(link.data, path, &Modes::once);
    }
  }
  for (const std::string_view path : request.child) {
    const ModelNode* node = node_of(path);
    if (!node) {
      notify(link, EventType::kNodeDeleted, path, -1);
    } else if (node->pzxid > seen) {
      notify(link, EventType::kNodeChildrenChanged, path, -1);
    } else {
      set_mode(link.child, path, &Modes::once);
    }
  }
  for (const std::string_view path : request.persistent) {
    set_mode(link.data, path, &Modes::lasting);
    set_mode(link.child, path, &Modes::lasting);
  }
  for (const std::string_view path : request.persistent_recursive) {
    set_mode(link.data, path, &Modes::recursive);
    if (!side_by_side_) set_mode(link.child, path, &Modes::recursive);
  }
  if (!request.persistent.empty() || !request.persistent_recursive.empty()) {
    restored_at_[link.number] = zxid_;
  }
}

ErrorCode ModelEnsemble::remove_watches(Link& link, JuteReader& reader) {
  const auto request = read_path_type_request(reader);
  PADDOCK_CHECK(request.ok());
  const std::int32_t type = request->type;
  if (type < 1 || type > (side_by_side_ ? 5 : 3)) return ErrorCode::kMarshallingError;
  bool found = false;
  const auto clear = [&](Table& table, bool once, bool lasting, bool recursive) {
    const auto entry = table.find(*request->path);
    if (entry == table.end()) return;
    Modes& modes = entry->second;
    found = found || (once && modes.once) || (lasting && modes.lasting) ||
            (recursive && modes.recursive);
    if (once) modes.once = false;
    if (lasting) modes.lasting = false;
    if (recursive) modes.recursive = false;
    if (modes.none()) table.erase(entry);
  };
  const bool all_modes = !side_by_side_ || type == 3;
  if (type <= 3) {
    if (type != 1) clear(link.data, true, all_modes, all_modes);
    if (type != 2) clear(link.child, true, all_modes, all_modes);
  } else {
    clear(link.data, false, type == 4, type == 5);
    clear(link.child, false, type == 4, type == 5);
  }
  return found ? ErrorCode::kOk : ErrorCode::kNoWatcher;
}

// ---- Requests

void ModelEnsemble::receive(Connection connection, ByteView bytes, Millis now) {
  const auto found = links_.find(connection);
  if (found == links_.end() || found->second.closed) return;
  Link& link = found->second;
  append(link.in, bytes);
  while (!link.closed && link.in.size() >= 4) {
    const std::size_t length = load_be32(link.in.data());
    PADDOCK_CHECK(length < (1u << 20));  // the client's own bytes
    if (link.in.size() < 4 + length) return;
    const Bytes frame(link.in.begin() + 4, link.in.begin() + 4 + static_cast<long>(length));
    link.in.erase(link.in.begin(), link.in.begin() + 4 + static_cast<long>(length));
    if (link.session == 0) {
      shake_hands(link, frame, now);
    } else {
      handle(link, frame, now);
    }
  }
}

void ModelEnsemble::shake_hands(Link& link, ByteView frame, Millis now) {
  JuteReader reader(frame);
  const auto request = read_connect_request(reader);
  PADDOCK_CHECK(request.ok() && request->has_read_only);
  const Server& server = servers_[link.server];
  link.closed = server.refuses || (server.is_read_only && !request->read_only) ||
                request->last_zxid_seen.value > zxid_;
  if (link.closed) return;
  const std::int64_t asked = request->session.value;
  ConnectResponse response;
  response.has_read_only = true;
  response.read_only = server.is_read_only;
  const std::string none(16, '\0');
  std::string password = none;
  if (asked == 0) {
    Session& session = sessions_[++last_session_];
    session.id = last_session_;
    session.password = concat("password-", last_session_ % 10'000'000);
    session.password.resize(16, '.');
    if (server.is_read_only) session.local_to = link.server;
    link.session = session.id;
  } else if (const auto found = sessions_.find(asked);
             found == sessions_.end() ||
             as_chars(request->password.value_or(ByteView())) != found->second.password ||
             (found->second.local_to && *found->second.local_to != link.server)) {
    link.closed = true;  // and the answer says that it has expired
  } else if (server.is_read_only && !found->second.local_to) {
    link.closed = true;
    return;
  } else {
    for (auto& [number, other] : links_) {
      if (&other != &link && other.session == asked) other.closed = true;
    }
    link.session = asked;
  }
  if (link.session != 0) {
    Session& session = sessions_.at(link.session);
    session.timeout = Millis{std::clamp(request->timeout_ms, 1'000, 60'000)};
    session.heard = now;
    response.timeout_ms = static_cast<std::int32_t>(session.timeout.value);
    response.session = SessionId{session.id};
    password = session.password;
  }
  response.password = as_bytes(password);
  JuteWriter writer(link.out);
  const std::size_t length_at = writer.reserve_int();
  write(writer, response);
  writer.patch_int(length_at, static_cast<std::int32_t>(writer.size() - length_at - 4));
}

void ModelEnsemble::handle(Link& link, ByteView frame, Millis now) {
  JuteReader reader(frame);
  const auto header = read_request_header(reader);
  PADDOCK_CHECK(header.ok());
  sessions_.at(link.session).heard = now;
  Bytes record;
  JuteWriter writer(record);
  const ErrorCode error = answer(link, header->op, reader, writer);
  if (error != ErrorCode::kOk) record.clear();
  reply(link, header->xid, header->op == OpCode::kAuth ? 0 : zxid_, error, record);
  if (header->op == OpCode::kAuth && error != ErrorCode::kOk) link.closed = true;
  if (header->op == OpCode::kCloseSession) {
    sessions_.erase(link.session);
    link.closed = true;
  }
}

ErrorCode ModelEnsemble::answer(Link& link, OpCode op, JuteReader& reader, JuteWriter& out) {
  switch (op) {
    case OpCode::kPing:
    case OpCode::kCloseSession:
      return ErrorCode::kOk;
    case OpCode::kAuth: {
      const auto packet = read_auth_packet(reader);
      PADDOCK_CHECK(packet.ok());
      return packet->scheme == "digest" ? ErrorCode::kOk : ErrorCode::kAuthFailed;
    }
    case OpCode::kSetWatches:
    case OpCode::kSetWatches2: {
      const auto request = read_set_watches_request(reader, op == OpCode::kSetWatches2);
      PADDOCK_CHECK(request.ok());
      set_watches(link, *request);
      return ErrorCode::kOk;
    }
    case OpCode::kAddWatch: {
      const auto request = read_path_type_request(reader);
      PADDOCK_CHECK(request.ok() && (request->type == 0 || request->type == 1));
      const bool is_recursive = request->type == 1;
      const auto mode = is_recursive ? &Modes::recursive : &Modes::lasting;
      set_mode(link.data, *request->path, mode);
      if (!is_recursive || !side_by_side_) set_mode(link.child, *request->path, mode);
      out.write_int(0);
      return ErrorCode::kOk;
    }
    case OpCode::kRemoveWatches:
      return remove_watches(link, reader);
    case OpCode::kSetData:
    case OpCode::kCreate2:
      if (servers_[link.server].is_read_only) return ErrorCode::kNotReadOnly;
      return write_request(link, op, reader, out);
    default:
      return read(link, op, reader, out);
  }
}

ErrorCode ModelEnsemble::write_request(Link&, OpCode op, JuteReader& reader, JuteWriter& out) {
  if (op == OpCode::kSetData) {
    const auto request = read_set_data_request(reader);
    PADDOCK_CHECK(request.ok());
    const std::string path(*request->path);
    const auto node = nodes_.find(path);
    if (node == nodes_.end()) return ErrorCode::kNoNode;
    if (request->version != -1 && request->version != node->second.version) {
      return ErrorCode::kBadVersion;
    }
    set(path, std::string(as_chars(*request->data)));
    write(out, stat_of(path));
    return ErrorCode::kOk;
  }
  const auto request = read_create_request(reader, false);
  PADDOCK_CHECK(request.ok());
  const std::string path(*request->path);
  if (!nodes_.contains(parent_path(path))) return ErrorCode::kNoNode;
  if (nodes_.contains(path)) return ErrorCode::kNodeExists;
  create(path, std::string(as_chars(*request->data)));
  out.write_string(path);
  write(out, stat_of(path));
  return ErrorCode::kOk;
}

ErrorCode ModelEnsemble::read(Link& link, OpCode op, JuteReader& reader, JuteWriter& out) {
  const auto request = read_path_watch_request(reader);
  PADDOCK_CHECK(request.ok());
  const std::string path(*request->path);
  const bool is_there = nodes_.contains(path);
  const bool is_children = op == OpCode::kGetChildren2;
  PADDOCK_CHECK(is_children || op == OpCode::kGetData || op == OpCode::kExists);
  if (request->watch && (is_there || op == OpCode::kExists)) {
    set_mode(is_children ? link.child : link.data, path, &Modes::once);
  }
  if (!is_there) return ErrorCode::kNoNode;
  if (op == OpCode::kGetData) out.write_string(nodes_.at(path).data);
  if (is_children) {
    out.write_int(static_cast<std::int32_t>(children_of(path)));
    for (const auto& [child, node] : nodes_) {
      if (child != "/" && parent_path(child) == path) out.write_string(last_element(child));
    }
  }
  write(out, stat_of(path));
  return ErrorCode::kOk;
}

void ModelEnsemble::reply(Link& link, std::int32_t xid, std::int64_t zxid, ErrorCode error,
                          ByteView record) {
  if (break_next_frame_) {
    break_next_frame_ = false;
    append(link.out, as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
    link.closed = true;
    return;
  }
  if (cut_next_record_ && xid > 0 && record.size() > 4) {
    cut_next_record_ = false;
    record = record.first(record.size() / 2);
  }
  JuteWriter writer(link.out);
  writer.write_int(static_cast<std::int32_t>(16 + record.size()));
  write(writer, ReplyHeader{xid, Zxid{zxid}, error});
  writer.write_raw(record);
}

}  // namespace paddock::test
