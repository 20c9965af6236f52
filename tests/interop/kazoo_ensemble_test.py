"""The test suite of kazoo on kazoo's own harness: it stops, starts and reconfigures three members.

Nothing may fail here that passes with ZooKeeper 3.8.0 (SERVER=zookeeper).
"""

import os
import re
import sys
import tempfile
import unittest

import kazoo

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import stand_in
from paddock_process import end_on_sigterm, free_port_range

KAZOO_DIR = os.path.dirname(kazoo.__file__)
MEMBERS = 3
PORT_STEP = 10  # of the harness, from one member to the next
PROPERTIES = ("-Dzookeeper.extendedTypesEnabled=true", "-Dznode.container.checkIntervalMs=1000")
LEFT_OUT = {
    "SASL": "needs SASL users",
    "TestSSL": "needs a TLS port",
    "test_read_only": "gives the client less time than it needs: ZooKeeper 3.8.0 fails it too",
}
PASSED = 470  # of kazoo 2.8.0, against ZooKeeper 3.8.0


class KazooEnsemble(unittest.TestCase):
    def test_its_whole_suite_passes_as_on_zookeeper(self):
        end_on_sigterm()
        with tempfile.TemporaryDirectory() as folder:
            environment = stand_in.environment(
                PROPERTIES, TMPDIR=folder, ZOOKEEPER_VERSION="3.8.0", ZOOKEEPER_CLASSPATH="unused",
                ZOOKEEPER_CLUSTER_SIZE=str(MEMBERS),
                ZOOKEEPER_PORT_OFFSET=str(free_port_range(MEMBERS * PORT_STEP)),
                PYTHONDONTWRITEBYTECODE="1")
            code, output = stand_in.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rfE",
                 "--timeout", "120", "-k", " and ".join("not " + name for name in LEFT_OUT),
                 os.path.join(KAZOO_DIR, "tests")],
                folder, environment)
        self.assertEqual(code, 0, output[-20000:])
        passed = re.search(r"(\d+) passed", output)
        self.assertGreaterEqual(int(passed.group(1)), PASSED, output[-2000:])


if __name__ == "__main__":
    unittest.main()
