"""Paddock answers, byte for byte, what ZooKeeper 3.8.0 answered when the vectors were recorded.

The vectors and the server settings of each profile are described in tests/vectors/client/README.md.
Steps marked there as different in later releases are left out: Paddock follows ZooKeeper 3.9.
"""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
from paddock_process import SOURCE_DIR, ServerProcess, chosen_server

VECTORS = os.path.join(SOURCE_DIR, "tests/vectors")
SUPER_SECRET = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="  # password: secret

# All but `quirks`: what ZooKeeper 3.8.0 does and later releases, or good sense, do otherwise.
STANDALONE_TOPICS = ("connect", "sessions", "crud", "create_modes", "errors", "multi", "acl",
                     "watches", "quota", "fourletter")


class ClientVectors(unittest.TestCase):
    def compare(self, profile, config, topics=()):
        with ServerProcess({"tickTime": 2000, "maxClientCnxns": 0, **config}) as server:
            result = subprocess.run(
                [sys.executable, os.path.join(VECTORS, "record_client.py"), server.address,
                 "--compare", os.path.join(VECTORS, "client"), "--profile", profile,
                 *(["--lenient"] if chosen_server() == "paddock" else []),
                 *(word for topic in topics for word in ("--only", topic))],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(result.returncode, 0, result.stdout)
            self.assertIn(" steps, 0 differences", result.stdout)

    def test_everything_a_standalone_server_answers(self):
        self.compare("standalone", {
            "4lw.commands.whitelist": "*",
            "extendedTypesEnabled": "true",
            "enforceQuota": "true",
            "znode.container.checkIntervalMs": 1000,
            "DigestAuthenticationProvider.superDigest": SUPER_SECRET,
        }, STANDALONE_TOPICS)

    def test_without_extended_types_and_hard_quotas(self):
        self.compare("plain", {
            "4lw.commands.whitelist": "*",
            "extendedTypesEnabled": "false",
            "enforceQuota": "false",
        })

    def test_when_authentication_is_enforced(self):
        self.compare("enforceauth", {
            "4lw.commands.whitelist": "*",
            "enforce.auth.enabled": "true",
            "enforce.auth.schemes": "digest",
        })

    def test_four_letter_words_outside_the_default_whitelist(self):
        self.compare("whitelist", {})


if __name__ == "__main__":
    unittest.main()
