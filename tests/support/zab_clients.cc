#include "tests/support/zab_clients.h"

#include <algorithm>
#include <utility>

#include "common/concat.h"

namespace paddock::test {

ZabClients::ZabClients(SimQueue& queue, ZabCheckers& checkers, ClientOptions options, Prng random)
    : queue_(queue),
      checkers_(checkers),
      options_(options),
      random_(random),
      clients_(options.clients) {}

void ZabClients::start(std::vector<ClientService*> servers) {
  servers_ = std::move(servers);
  for (std::uint32_t i = 0; i < clients_.size(); ++i) {
    queue_.put_in({random_.between(0, options_.pause_max.value)}, SimKind::kClient, i);
  }
}

void ZabClients::on_client(std::uint32_t number) {
  if (stopped_) return;
  queue_.put_in({random_.between(1, options_.pause_max.value)}, SimKind::kClient, number);
  Client& client = clients_[number];
  if (client.asked.size() >= options_.waiting_max) return;
  if (client.session.value != 0 && client.asked.empty() && random_.below(50) == 0) {
    client.session = {};  // it leaves
  }
  if (client.session.value == 0 && !connect(number)) return;
  ask(client);
}

bool ZabClients::connect(std::uint32_t number) {
  std::vector<ServerId> serving;
  for (const ClientService* server : servers_) {
    if (server->serves()) serving.push_back(server->id());
  }
  if (serving.empty()) return false;
  Client& client = clients_[number];
  client.server = serving[random_.below(serving.size())];
  client.session = {
      static_cast<std::int64_t>((std::uint64_t{number} + 1) << 32 | ++client.sessions)};
  client.last_cxid = 0;
  return true;
}

void ZabClients::ask(Client& client) {
  ClientService& server = *servers_[static_cast<std::size_t>(client.server.value - 1)];
  if (!server.serves()) return;  // it is stopped, and the client does not know yet
  const std::uint64_t choice = random_.below(20);
  const SessionId session = client.session;
  if (choice < 13) {
    const Op op{session, ++client.last_cxid, ++last_value_};
    client.asked.push_back({Kind::kWrite, op.cxid, 0});
    server.write(op);
  } else if (choice < 19) {
    client.asked.push_back({Kind::kSync, 0, checkers_.committed().size()});
    server.sync(session);
  } else {
    client.asked.push_back({Kind::kRevalidate, 0, 0});
    server.revalidate(session);
  }
}

std::size_t ZabClients::waiting() const {
  std::size_t sum = 0;
  for (const Client& client : clients_) sum += client.asked.size();
  return sum;
}

void ZabClients::written(const Op& op, Zxid zxid) {
  Client* client = find(op.session);
  if (client == nullptr) return;
  const auto oldest = std::find_if(client->asked.begin(), client->asked.end(),
                                   [](const Asked& asked) { return asked.kind == Kind::kWrite; });
  if (oldest == client->asked.end() || oldest->cxid != op.cxid) {
    return checkers_.fail("FO", client->server,
                          concat("acknowledges write ", op.cxid, " of a session out of order"));
  }
  client->asked.erase(oldest);
  ++acknowledged_;
  if (checkers_.is_committed(zxid)) return;
  checkers_.fail("CNL", client->server,
                 concat("acknowledges ", text_of(zxid), ", which is not committed"));
}

void ZabClients::synced(SessionId session, std::size_t applied) {
  Client* client = find(session);
  if (client == nullptr) return;
  auto oldest = client->asked.begin();
  for (; oldest != client->asked.end() && oldest->kind != Kind::kSync; ++oldest) {
    if (oldest->kind != Kind::kWrite) continue;
    return checkers_.fail("FO", client->server, "answers a sync before an earlier write");
  }
  if (oldest == client->asked.end()) {
    return checkers_.fail("FO", client->server, "answers a sync that nobody asked for");
  }
  const std::size_t exposed = oldest->exposed;
  client->asked.erase(oldest);
  ++read_;
  if (applied >= exposed) return;
  checkers_.fail("LR", client->server,
                 concat("is synced at ", applied, " transactions; there were ", exposed,
                        " to be seen when the sync was asked for"));
}

void ZabClients::revalidated(SessionId session) {
  Client* client = find(session);
  if (client == nullptr) return;
  const auto oldest =
      std::find_if(client->asked.begin(), client->asked.end(),
                   [](const Asked& asked) { return asked.kind == Kind::kRevalidate; });
  if (oldest == client->asked.end()) {
    return checkers_.fail("FO", client->server, "revalidates a session that nobody asked about");
  }
  client->asked.erase(oldest);
}

void ZabClients::lost(ServerId server) {
  for (Client& client : clients_) {
    if (client.server != server) continue;
    client.session = {};
    client.asked.clear();
  }
}

ZabClients::Client* ZabClients::find(SessionId session) {
  const auto number = static_cast<std::size_t>(session.value >> 32);
  if (number == 0 || number > clients_.size()) return nullptr;  // a script's
  Client& client = clients_[number - 1];
  return client.session == session ? &client : nullptr;
}

}  // namespace paddock::test
