"""Ensembles that change while they run: servers join, leave and change their roles, by reconfig.

Servers of Paddock and of ZooKeeper 3.8.0, in each composition, with each of them leading. What is
written goes on being there, every server has the same configuration, and each comes back with it
from the files that it keeps. SERVER=zookeeper in the environment makes every server a ZooKeeper.
"""

import contextlib
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from ensemble import DEADLINE_S, PADDOCK, ZOOKEEPER, Ensemble, Member, possible_kind
from paddock_process import free_port, wait_until
from raw_client import Closed, RawClient, Refused, reconfig

CONFIG = {"reconfigEnabled": "true", "skipACL": "yes"}
CONFIG_NODE = "/zookeeper/config"
BAD_ARGUMENTS, BAD_VERSION, NO_QUORUM, MARSHALLING = -8, -103, -13, -5


class ChangingMember(Member):
    """Its zoo.cfg is written once: from then on it is the server's own."""

    def address_line(self):
        return "%s;127.0.0.1:%d" % (super().address_line(), self.port)

    def line(self, role=None):
        line = self.address_line()
        return "server.%d=%s" % (
            self.number, re.sub("observer|participant", role, line) if role else line)

    def write_config(self, cfg):
        if not os.path.exists(cfg):
            super().write_config(cfg)

    def config_files(self):
        return sorted(n for n in os.listdir(self.folder) if n.startswith("zoo.cfg"))

    def configuration(self):
        """What its clients read: the lines of its servers, and the version."""
        with contextlib.closing(RawClient(self.port, deadline_s=5)) as client:
            reply = client.call(raw_client.GET_DATA, raw_client.read(CONFIG_NODE))
            data, _ = raw_client.data_and_stat(reply.body)
        *servers, version = data.decode().split("\n")
        return sorted(servers), int(re.fullmatch("version=([0-9a-f]+)", version).group(1), 16)


class ChangingEnsemble(Ensemble):
    make_member = ChangingMember

    def __init__(self, voters, config=None):
        super().__init__(voters, config={**CONFIG, **(config or {})})

    def add(self, kind, listed=None):
        """A server that knows the members of now, and takes itself for an observer among them."""
        number = max(self.members) + 1
        joiner = self.members[number] = ChangingMember(
            number, possible_kind(kind), True, os.path.join(self.folder, "server-%d" % number),
            {**next(iter(self)).config})
        for key in [k for k in joiner.config if k.startswith("server.")]:
            del joiner.config[key]
        joiner.config.update(line.split("=", 1) for line in listed or self.leader_lines())
        joiner.config["server.%d" % number] = joiner.address_line()
        self.start([joiner])
        return joiner

    def leader_lines(self):
        return self.wait_for_leader().configuration()[0]

    @property
    def voters(self):
        return list(self)

    def wait_same_configuration(self, members, lines):
        def same():
            try:
                found = [m.configuration() for m in members]
            except (OSError, Closed, Refused):
                return False
            return {v for _, v in found} == {found[0][1]} and all(
                servers == sorted(lines) for servers, _ in found) and found[0][1]
        return wait_until(same, DEADLINE_S, "all have %s" % sorted(lines), step_s=0.1)


def change(member, **how):
    with contextlib.closing(RawClient(member.port, deadline_s=DEADLINE_S)) as client:
        return client.call(raw_client.RECONFIG, reconfig(**how))


def write(member, path):
    """Until it is there, through any loss of a leader."""
    def written():
        try:
            with contextlib.closing(RawClient(member.port, deadline_s=10)) as client:
                reply = client.call(raw_client.CREATE, raw_client.create(path))
                return reply.error in (raw_client.OK, raw_client.NODE_EXISTS)
        except (OSError, Closed, Refused):
            return False
    return wait_until(written, DEADLINE_S, "%s takes a write" % member, step_s=0.05)


def has(member, path):
    with contextlib.closing(RawClient(member.port, deadline_s=10)) as client:
        client.call(raw_client.SYNC, raw_client.ustring("/"))
        return client.call(raw_client.EXISTS, raw_client.read(path)).error == raw_client.OK


class Reconfig:
    """The tests of one composition, while server `leads` leads at first."""

    voters = ()
    joins = PADDOCK

    def led_by(self, ensemble, number):
        counter = iter(range(10 ** 6))
        ensemble.make_leader(ensemble[number], lambda: [
            write(m, "/progress-%d" % next(counter)) for m in ensemble if m.running for _ in "ab"])
        ensemble.wait_serving()

    def test_server_1_leads(self):
        self.run_with_leader(1)

    def test_server_2_leads(self):
        self.run_with_leader(2)

    def run_with_leader(self, number):
        with ChangingEnsemble(self.voters) as ensemble:
            self.led_by(ensemble, number)
            leader = ensemble[number]
            followers = ensemble.others(leader)
            lines = [m.line() for m in ensemble]
            version = ensemble.wait_same_configuration(ensemble, lines)
            self.assertEqual(version & 0xffffffff, 0)
            write(leader, "/before")
            self.refusals(ensemble, followers[0])

            joiner = ensemble.add(self.joins)
            reply = change(followers[0], joining=joiner.line("participant"))
            self.assertEqual(reply.error, raw_client.OK)
            lines.append(joiner.line("participant"))
            self.assertEqual(sorted(raw_client.data_and_stat(reply.body)[0].decode().split("\n")[:-1]),
                             sorted(lines))
            self.assertEqual(ensemble.wait_same_configuration(ensemble, lines), reply.zxid)
            for member in ensemble:
                write(member, "/joined-%d" % member.number)

            # Who left follows on, and is not needed any more.
            left = followers[1]
            self.assertEqual(change(joiner, leaving=str(left.number)).error, raw_client.OK)
            lines.remove(left.line())
            ensemble.wait_same_configuration(ensemble, lines)
            self.assertEqual(ensemble.wait_for_leader(), leader)
            self.assertTrue(has(left, "/joined-4"))
            left.kill()
            del ensemble.members[left.number]
            ensemble.strangers.append(left)
            write(followers[0], "/left")

            # The leader leaves: another one leads. A ZooKeeper follower may cut its clients off
            # before it answers.
            with contextlib.suppress(Closed):
                self.assertEqual(change(followers[0], leaving=str(number)).error, raw_client.OK)
            lines.remove(leader.line())
            rest = [followers[0], joiner]
            ensemble.wait_same_configuration(rest, lines)
            write(joiner, "/without-%d" % number)
            wait_until(lambda: ensemble.leader() in rest, DEADLINE_S, "another server leads")
            self.assertTrue(has(followers[0], "/without-%d" % number))

            # And what is in their files is what they come back with.
            leader.kill()
            for member in rest:
                member.kill()
            ensemble.start(rest)
            version = ensemble.wait_same_configuration(rest, lines)
            for member in rest:
                files = member.config_files()
                self.assertIn("zoo.cfg.dynamic.%x" % version, files)
                self.assertIn("zoo.cfg.bak", files)
                self.assertNotIn("zoo.cfg.dynamic.next", files)
                for path in ("/before", "/joined-4", "/left", "/without-%d" % number):
                    self.assertTrue(has(member, path), path)

    def refusals(self, ensemble, member):
        place = "127.0.0.1:1:2:participant;3"
        for error, how in ((BAD_VERSION, {"leaving": "3", "version": 5}),
                           (BAD_ARGUMENTS, {"joining": "some thing"}),
                           (BAD_ARGUMENTS, {"joining": "server.9=127.0.0.1:1:2"}),
                           (BAD_ARGUMENTS, {"leaving": "1,2"}),
                           (BAD_ARGUMENTS, {"members": "what=ever"}),
                           (MARSHALLING, {"leaving": "one"}),
                           (NO_QUORUM, {"joining": "server.8=%s,server.9=%s,server.7=%s" % (
                               place, place.replace("1:2", "4:5").replace(";3", ";6"),
                               place.replace("1:2", "7:8").replace(";3", ";9"))})):
            reply = change(member, **how)
            self.assertEqual((reply.error, reply.body), (error, b""), how)


class OneGrows(unittest.TestCase):
    def test_from_one_server_to_three_and_to_other_ports(self):
        with ChangingEnsemble([PADDOCK], {"standaloneEnabled": "false"}) as ensemble:
            write(ensemble[1], "/one")
            lines = [ensemble[1].line()]
            for kind in (PADDOCK, PADDOCK):
                joiner = ensemble.add(kind)
                self.assertEqual(change(ensemble[1], joining=joiner.line("participant")).error,
                                 raw_client.OK)
                lines.append(joiner.line("participant"))
                ensemble.wait_same_configuration(ensemble, lines)
                self.assertTrue(has(joiner, "/one"))
            self.move(ensemble, lines)
            ensemble[3].kill()
            write(ensemble[2], "/three")

    @staticmethod
    def move(ensemble, lines):
        """Each server gets other ports for everything, the leader too, and serves on."""
        for member in ensemble:
            lines.remove(member.line("participant"))
            asked = member.port
            member.port, member.quorum_port, member.election_port = (free_port() for _ in range(3))
            lines.append(member.line("participant"))
            with contextlib.closing(RawClient(asked, deadline_s=DEADLINE_S)) as client:
                reply = client.call(raw_client.RECONFIG, reconfig(joining=lines[-1]))
                assert reply.error == raw_client.OK, reply
            ensemble.wait_same_configuration(ensemble, lines)
            write(member, "/moved-%d" % member.number)


class ThreePaddocks(Reconfig, unittest.TestCase):
    voters = (PADDOCK, PADDOCK, PADDOCK)


class TwoZooKeepersAndOnePaddock(Reconfig, unittest.TestCase):
    voters = (PADDOCK, ZOOKEEPER, ZOOKEEPER)


class TwoPaddocksAndOneZooKeeper(Reconfig, unittest.TestCase):
    voters = (ZOOKEEPER, PADDOCK, PADDOCK)
    joins = ZOOKEEPER


if __name__ == "__main__":
    unittest.main()
