"""An ensemble of Paddock servers, each in a network namespace of its own (network.py)."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import network
from ensemble import PADDOCK, Ensemble, Member
from network import Network

CONFIG = {"tickTime": 500, "initLimit": 20, "syncLimit": 10, "minSessionTimeout": 1000}
CLIENT_PORT, QUORUM_PORT, ELECTION_PORT = 2181, 2888, 3888


class NetnsMember(Member):
    """One server, at the ports that it has in its namespace."""

    def __init__(self, number, *arguments):
        super().__init__(number, *arguments)
        self.host = network.address(number)
        self.port, self.quorum_port, self.election_port = CLIENT_PORT, QUORUM_PORT, ELECTION_PORT

    def _command(self, cfg):
        return [*network.inside(self.number), *super()._command(cfg)]


class NetnsEnsemble(Ensemble):
    make_member = NetnsMember

    def __init__(self, size, config=None):
        self.network = Network(size)
        super().__init__([PADDOCK] * size, config={**CONFIG, **(config or {})})
