"""The tests of the Go client samuel/go-zookeeper, as Debian ships it, failover tests among them.

They start one or three members, which they kill with -9 and start again. What is left out here
talks to no server, or fails with ZooKeeper 3.8.0 (SERVER=zookeeper) too.
"""

import os
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import stand_in
from paddock_process import end_on_sigterm, free_port_range

PACKAGE = "github.com/samuel/go-zookeeper"
SOURCE = "/usr/share/gocode/src/" + PACKAGE
TESTS = ("BasicCluster ClientClusterFailover NoQuorum WaitForClose BadSession "
         "Lock MultiLevelLock Create Multi MultiFailures GetSetACL Children ChildWatch SetWatchers "
         "ExpiringWatch RequestFail SlowServer MaxBufferSize FLWCons FLWRuok").split()
MEMBERS_MAX = 3
PORTS = 300  # each test takes three for each member somewhere among them
PROPERTIES = ("-Dzookeeper.4lw.commands.whitelist=*", "-Dzookeeper.admin.enableServer=false")


def replace(path, old, new):
    with open(path) as f:
        text = f.read()
    assert old in text, (path, old)
    with open(path, "w") as f:
        f.write(text.replace(old, new))


@unittest.skipUnless(shutil.which("go") and os.path.isdir(SOURCE), "Go and its client are missing")
class GoClient(unittest.TestCase):
    def test_its_failover_and_other_tests_pass_as_on_zookeeper(self):
        end_on_sigterm()
        with tempfile.TemporaryDirectory() as folder:
            package = os.path.join(folder, "src", PACKAGE)
            shutil.copytree(SOURCE, package)
            self.adapt(os.path.join(package, "zk/server_help.go"))
            jar = os.path.join(folder, "contrib/fatjar/zookeeper-0-fatjar.jar")  # must be there
            os.makedirs(os.path.dirname(jar))
            open(jar, "w").close()
            code, output = stand_in.run(
                ["go", "test", "-vet=off", "-timeout", "500s", "-v",
                 "-run", "^Test(%s)$" % "|".join(TESTS), "."],
                os.path.join(package, "zk"), stand_in.environment(
                    PROPERTIES, TMPDIR=folder, ZOOKEEPER_PATH=folder, GO111MODULE="off",
                    GOPATH=folder, GOFLAGS="", GOCACHE=os.path.join(folder, "cache")))
        self.assertEqual(code, 0, output[-20000:])
        passed = re.findall(r"^--- PASS: Test(\w+)", output, re.M)
        self.assertEqual(sorted(passed), sorted(TESTS))

    @staticmethod
    def adapt(harness):
        first = free_port_range(PORTS)
        replace(harness, "rand.Int31n(6000) + 10000",
                "rand.Int31n(%d)*3 + %d" % (PORTS // 3 - MEMBERS_MAX, first))
        # It cannot read the srvr of a release since 3.5: an average latency is no whole number there.
        replace(harness, "_, ok := FLWSrvr(serverAddrs, time.Second)",
                "ok := true; for _, o := range FLWRuok(serverAddrs, time.Second) "
                "{ ok = ok && o }; time.Sleep(time.Second)")


if __name__ == "__main__":
    unittest.main()
