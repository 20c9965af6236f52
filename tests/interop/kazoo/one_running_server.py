"""pytest plugin: lets kazoo's own tests use one server that already runs, at KAZOO_HOST.

kazoo's harness would start ZooKeeper members of its own. A test that stops or restarts members, or
that needs SASL users or three members, is skipped here and named with the reason.
"""

import os

import pytest
from kazoo.testing import harness

SKIPPED = {
    "SASL": "needs SASL users",
    "TestSSL": "needs a TLS port",
    "TestReconfig": "needs three servers",
    "test_read_only": "needs three servers",
}


class Server:
    running = True

    def __init__(self, address):
        self.address = address
        self.host, port = address.rsplit(":", 1)
        self.client_port = int(port)

    def run(self):
        pass

    def stop(self):
        pytest.skip("stops a server")

    reset = destroy = stop


class Cluster(list):
    def start(self):
        pass

    def stop(self):
        pytest.skip("stops the servers")

    reset = terminate = stop


CLUSTER = Cluster([Server(os.environ["KAZOO_HOST"])])
harness.get_global_cluster = lambda: CLUSTER


def pytest_collection_modifyitems(items):
    for item in items:
        for name, reason in SKIPPED.items():
            if name in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))
