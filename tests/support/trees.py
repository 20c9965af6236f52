"""Whole trees as clients see them, and snapshots of trees for servers to start on."""

import os
import struct
import zlib

import raw_client

IN_FLIGHT = 200

# Set by each server for itself.
_LOCAL = "/zookeeper/config"


def read_tree(client):
    """Every node's data, stat and ACL, by path."""
    tree, paths = {}, ["/"]
    while paths:
        batch, paths = paths[:IN_FLIGHT], paths[IN_FLIGHT:]
        for path in batch:
            for op, record in ((raw_client.GET_DATA, raw_client.read(path)),
                               (raw_client.GET_ACL, raw_client.ustring(path)),
                               (raw_client.GET_CHILDREN, raw_client.read(path))):
                client.send(op, record)
        for path in batch:
            data, acl, children = (client.receive() for _ in range(3))
            if raw_client.NO_NODE in (data.error, acl.error, children.error):
                continue  # deleted meanwhile
            for reply in (data, acl, children):
                assert reply.error == raw_client.OK, (path, reply)
            if path != _LOCAL:
                tree[path] = (*raw_client.data_and_stat(data.body),
                              acl.body[:-raw_client.STAT_BYTES])
            paths += [path.rstrip("/") + "/" + name for name in raw_client.names(children.body)]
    return tree


def difference(one, other, lines_max=20):
    """What two trees do not have in common, as text."""
    lines = ["%s: %r\n    and %r" % (path, one.get(path), other.get(path))
             for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)]
    return "\n".join(lines[:lines_max] + ["... and %d more" % (len(lines) - lines_max)
                                          ] * (len(lines) > lines_max))


def write_snapshot(data_dir, zxid, nodes):
    """A ZooKeeper snapshot at this zxid, without sessions; nodes: data by path, parents first.

    Source: storage-format of ZooKeeper 3.8, persistence/FileSnap.java.
    """
    def node(path, data, created, children):
        stat = struct.pack(">qqqqiiiqq", created, created, 0, 0, 0, children, 0, 0, created)
        return raw_client.ustring(path) + raw_client.buffer(data) + struct.pack(">q", -1) + stat

    system = {"/zookeeper": b"", "/zookeeper/quota": b"", "/zookeeper/config": b""}
    children = {}
    for path in nodes:
        parent = path.rsplit("/", 1)[0]
        children[parent] = children.get(parent, 0) + 1
    body = b"ZKSN" + struct.pack(">iqii", 2, -1, 0, 0) + node("", b"", 0, children.get("", 0))
    body += b"".join(node(path, data, 0, 0) for path, data in system.items())
    body += b"".join(node(path, data, zxid, children.get(path, 0)) for path, data in nodes.items())
    body += raw_client.ustring("/")
    folder = os.path.join(data_dir, "version-2")
    os.makedirs(folder)
    with open(os.path.join(folder, "snapshot.%x" % zxid), "wb") as f:
        f.write(body + struct.pack(">q", zlib.adler32(body)) + raw_client.ustring("/"))
