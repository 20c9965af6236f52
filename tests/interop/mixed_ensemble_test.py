"""Ensembles of ZooKeeper 3.8.0 and Paddock, while clients write throughout.

In each composition each server in turn leads, is killed with -9 under load, and comes back by
TRUNC, by DIFF and by SNAP; so do observers of each kind. At the end all trees and digests agree, no
acknowledged write is lost, and sessions and their ephemerals live on.

SERVER=zookeeper in the environment makes every server a ZooKeeper: what is asked for here, it does.
"""

import contextlib
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from client_load import SESSION_MS, ClientLoad, persistently, sync
from ensemble import PADDOCK, ZOOKEEPER, Ensemble
from paddock_process import wait_until
from raw_client import RawClient
from trees import write_snapshot

# All start on the same snapshot, so a server that loses everything cannot come back by DIFF.
FIRST_ZXID = 0x100000020
OLD_NODES = {"/old": b"", **{"/old/%03d" % i: bytes([i]) * 1000 for i in range(200)}}


class MixedEnsemble:
    """The tests of one composition."""

    voters = ()

    def run_under_load(self, test):
        with Ensemble(self.voters, observers=(PADDOCK, ZOOKEEPER), prepare=lambda member:
                      write_snapshot(member.data_dir, FIRST_ZXID, OLD_NODES)) as ensemble:
            with ClientLoad(ensemble) as load:
                load.progress()
                test(ensemble, load)
                load.progress()
            load.check()
            print(load.report())

    def test_server_1_leads_and_comes_back(self):
        self.run_under_load(lambda ensemble, load: self.lead_and_come_back(ensemble, load, 1))

    def test_server_2_leads_and_comes_back(self):
        self.run_under_load(lambda ensemble, load: self.lead_and_come_back(ensemble, load, 2))

    def test_server_3_leads_and_comes_back(self):
        self.run_under_load(lambda ensemble, load: self.lead_and_come_back(ensemble, load, 3))

    def test_observers_come_back(self):
        def test(ensemble, load):
            for observer in (ensemble[4], ensemble[5]):
                self.come_back_by_diff(ensemble, load, observer)
                self.come_back_by_snap(ensemble, load, observer)
        self.run_under_load(test)

    def lead_and_come_back(self, ensemble, load, number):
        member = ensemble[number]
        ensemble.make_leader(member, load.progress)
        mismatches = ensemble.digest_mismatches()
        load.progress(60)
        ensemble.check_digest_mismatches(mismatches)
        self.come_back_by_trunc(ensemble, load, member)
        self.come_back_by_diff(ensemble, load, member)
        self.come_back_by_snap(ensemble, load, member)

    def come_back_by_trunc(self, ensemble, load, leader):
        """The leader alone has logged a write when all voters lose power; the others elect anew."""
        client = RawClient(leader.port, SESSION_MS)
        self.addCleanup(client.close)
        # A ZooKeeper leader sends TRUNC only as long as it has committed nothing in its epoch.
        load.hold()
        others = ensemble.others(leader)
        for member in others:
            member.pause()
        lost = "/lost-with-server-%d" % leader.number
        client.send(raw_client.CREATE, raw_client.create(lost))
        wait_until(lambda: leader.has_logged_transaction(lost.encode()), 10,
                   "the leader logs a write")
        for member in (leader, *others):
            member.kill()
        ensemble.start(others)
        if ensemble.wait_for_leader().kind == PADDOCK:
            load.release()
            load.progress()
        self.assertEqual(ensemble.restart_synchronized(leader), "TRUNC")
        load.release()
        load.progress()
        ensemble.wait_serving()
        for member in ensemble:
            persistently(lambda m=member: self.assert_session_lives_without(lost, m, client))

    def assert_session_lives_without(self, lost, member, old):
        with contextlib.closing(RawClient(member.port, SESSION_MS, old.session_id,
                                          old.password)) as client:
            sync(client)
            self.assertEqual(client.call(raw_client.EXISTS, raw_client.read(lost)).error,
                             raw_client.NO_NODE)

    def come_back_by_diff(self, ensemble, load, member):
        member.kill()
        load.progress()
        self.assertEqual(ensemble.restart_synchronized(member), "DIFF")
        load.progress()

    def come_back_by_snap(self, ensemble, load, member):
        member.kill()
        member.wipe()
        load.progress()
        self.assertEqual(ensemble.restart_synchronized(member), "SNAP")
        load.progress()


class TwoZooKeepersAndOnePaddock(MixedEnsemble, unittest.TestCase):
    voters = (ZOOKEEPER, PADDOCK, ZOOKEEPER)


class OneZooKeeperAndTwoPaddocks(MixedEnsemble, unittest.TestCase):
    voters = (PADDOCK, ZOOKEEPER, PADDOCK)


class ThreePaddocks(MixedEnsemble, unittest.TestCase):
    voters = (PADDOCK, PADDOCK, PADDOCK)


if __name__ == "__main__":
    unittest.main()
