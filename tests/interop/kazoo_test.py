"""The test suite of kazoo, the Python client, as Debian ships it, against one running server.

The same tests pass against ZooKeeper 3.8.0 (SERVER=zookeeper), so nothing else may fail here.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import kazoo

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
from paddock_process import SOURCE_DIR, ServerProcess

PLUGIN_DIR = os.path.join(SOURCE_DIR, "tests/interop/kazoo")
KAZOO_DIR = os.path.dirname(kazoo.__file__)
PASSED = 459  # of kazoo 2.8.0, against ZooKeeper 3.8.0

CONFIG = {
    "tickTime": 2000,
    "4lw.commands.whitelist": "*",
    "extendedTypesEnabled": "true",
    "reconfigEnabled": "true",
    "maxClientCnxns": 0,
    "znode.container.checkIntervalMs": 1000,
    "DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",  # test
}


class Kazoo(unittest.TestCase):
    def test_its_whole_suite_passes_as_on_zookeeper(self):
        with ServerProcess(CONFIG) as server, tempfile.TemporaryDirectory() as folder:
            environment = dict(os.environ, KAZOO_HOST=server.address, ZOOKEEPER_VERSION="3.8.0",
                               PYTHONPATH=PLUGIN_DIR, PYTHONDONTWRITEBYTECODE="1")
            result = subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
                 "-p", "one_running_server", "-q", "-rfE", "--timeout", "120",
                 os.path.join(KAZOO_DIR, "tests")],
                cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True)
            self.assertEqual(result.returncode, 0, result.stdout[-20000:])
            passed = re.search(r"(\d+) passed", result.stdout)
            self.assertGreaterEqual(int(passed.group(1)), PASSED, result.stdout[-2000:])


if __name__ == "__main__":
    unittest.main()
