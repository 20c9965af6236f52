"""ZooKeeper 3.8.0 and Paddock start on each other's folders, and show the same tree.

What is compared is all that a client can see: data, every field of the stat, and ACL of every node,
sessions by re-attaching to them, and the last zxid.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from paddock_process import BIN_DIR, ServerProcess, chosen_server
from raw_client import RawClient
from trees import read_tree

SESSION_MS = 40000
CONFIG = {
    "tickTime": 2000,
    "extendedTypesEnabled": "true",
    "DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
}


class Sessions:
    """The client's side of a session that goes from server to server."""

    def __init__(self):
        self.client = None

    def close(self):
        if self.client is not None:
            self.client.close()

    def attach(self, server):
        old = self.client
        if old is None:
            self.client = RawClient(server.port, SESSION_MS)
        else:
            self.client = RawClient(server.port, SESSION_MS, old.session_id, old.password,
                                    old.last_zxid)
            old.close()
        self.client.authenticate("digest", b"super:secret")
        return self.client


def write(client, prefix):
    """Some of everything below `prefix`, and changes of it."""
    def call(op, record):
        reply = client.call(op, record)
        assert reply.error == raw_client.OK, (op, record, reply)

    def create(name, data=b"", flags=raw_client.PERSISTENT, acl=raw_client.OPEN_ACL):
        call(raw_client.CREATE, raw_client.create(prefix + name, data, flags, acl))

    create("")
    create("/null", None)
    create("/empty", b"")
    create("/binary", bytes(range(256)) * 40)
    create("/name with spaces and \u00fcmlauts \u4e2d\u6587", b"v")
    create("/acl", b"v", acl=raw_client.acl((1, "world", "anyone"), (31, "ip", "10.0.0.0/8"),
                                            (31, "digest", "ann:RYbu6l5aZwqon8VWmkcGvezdzfc=")))
    create("/ephemeral", b"mine", raw_client.EPHEMERAL)
    for _ in range(3):
        create("/sequential-", b"", raw_client.SEQUENTIAL)
        create("/ephemeral-sequential-", b"", raw_client.SEQUENTIAL | raw_client.EPHEMERAL)
    call(raw_client.CREATE_CONTAINER, raw_client.create(prefix + "/container", b"",
                                                        raw_client.CONTAINER))
    create("/container/child")
    call(raw_client.CREATE_TTL, raw_client.create_ttl(prefix + "/ttl", b"v", 3600000))
    for i in range(5):
        call(raw_client.SET_DATA, raw_client.set_data(prefix + "/null", b"%d" % i))
    call(raw_client.SET_ACL, raw_client.ustring(prefix + "/empty") + raw_client.acl(
        (3, "world", "anyone")) + (0).to_bytes(4, "big"))
    create("/deleted")
    create("/deleted/child")
    call(raw_client.DELETE, raw_client.delete(prefix + "/deleted/child"))
    call(raw_client.DELETE, raw_client.delete(prefix + "/deleted"))
    call(raw_client.MULTI, raw_client.multi([
        (raw_client.CREATE, raw_client.create(prefix + "/multi")),
        (raw_client.CREATE, raw_client.create(prefix + "/multi/a", b"1")),
        (raw_client.CHECK, raw_client.delete(prefix + "/multi/a", 0)),
        (raw_client.SET_DATA, raw_client.set_data(prefix + "/multi/a", b"2")),
        (raw_client.DELETE, raw_client.delete(prefix + "/null"))]))
    failing = client.call(raw_client.MULTI, raw_client.multi([
        (raw_client.DELETE, raw_client.delete(prefix + "/multi/a")),
        (raw_client.DELETE, raw_client.delete(prefix + "/nonesuch"))]))
    assert failing.error == raw_client.OK  # the results hold the errors
    for i in range(200):
        create("/many-%03d" % i, b"x" * i)


def last_zxid(server):
    return [line for line in server.four_letter_word("srvr").splitlines() if "Zxid" in line]


class JavaStorage(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="paddock-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sessions = Sessions()
        self.addCleanup(self.sessions.close)

    def server(self, kind, data, log=None):
        config = dict(CONFIG, dataDir=data)
        if log:
            config["dataLogDir"] = log
        server = ServerProcess(config, kind)
        self.addCleanup(server.close)
        return server.start()

    def data_folder(self, name):
        folder = os.path.join(self.folder, name)
        os.makedirs(os.path.join(folder, "version-2"))
        return folder

    def export(self, data, log, out):
        """The state as a snapshot below `out`; a ZooKeeper server has written one already."""
        if chosen_server() == "paddock":
            result = subprocess.run(
                [os.path.join(BIN_DIR, "paddock"), "snapshot", "export", "--data-dir", data,
                 "--data-log-dir", log, "--out", os.path.join(out, "version-2")],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(result.returncode, 0, result.stdout)
        elif out != data:
            for path in glob.glob(os.path.join(data, "version-2/snapshot.*")):
                shutil.copy(path, os.path.join(out, "version-2"))

    def assert_shows(self, server, tree):
        client = self.sessions.attach(server)
        self.assertEqual(read_tree(client), tree)

    def test_zookeeper_starts_on_an_exported_snapshot_and_the_log(self):
        ours, our_log, theirs = (self.data_folder(n) for n in ("ours", "our-log", "theirs"))
        server = self.server(chosen_server(), ours, our_log)
        write(self.sessions.attach(server), "/before")
        server.stop()
        self.export(ours, our_log, theirs)

        server = self.server(chosen_server(), ours, our_log)
        client = self.sessions.attach(server)
        write(client, "/after")
        tree, zxid = read_tree(client), last_zxid(server)
        server.kill()
        for path in glob.glob(os.path.join(our_log, "version-2/log.*")):
            shutil.copy(path, os.path.join(theirs, "version-2"))

        server = self.server("zookeeper", theirs)
        self.assertEqual(last_zxid(server), zxid)
        self.assert_shows(server, tree)

    def test_a_folder_goes_from_zookeeper_to_paddock_and_back(self):
        data = self.data_folder("data")
        server = self.server("zookeeper", data)
        write(self.sessions.attach(server), "/snapshotted")
        server.stop()
        server = self.server("zookeeper", data)  # a start writes a snapshot
        client = self.sessions.attach(server)
        write(client, "/logged")
        tree, zxid = read_tree(client), last_zxid(server)
        server.kill()

        server = self.server(chosen_server(), data)
        self.assertEqual(last_zxid(server), zxid)
        self.assert_shows(server, tree)
        write(self.sessions.client, "/ours")
        tree = read_tree(self.sessions.client)
        server.kill()
        server = self.server(chosen_server(), data)
        self.assert_shows(server, tree)
        zxid = last_zxid(server)
        server.stop()
        self.export(data, data, data)

        server = self.server("zookeeper", data)
        self.assertEqual(last_zxid(server), zxid)
        self.assert_shows(server, tree)
        write(self.sessions.client, "/back")


if __name__ == "__main__":
    unittest.main()
