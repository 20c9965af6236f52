"""Members that come back after a long time, to a big tree, or with clocks that are far apart."""

import contextlib
import glob
import os
import random
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from bulk_writer import BulkWriter
from ensemble import DEADLINE_S, PADDOCK, Ensemble
from fault_load import FaultLoad
from paddock_process import wait_until
from raw_client import RawClient
from trees import write_snapshot

SEED = random.randrange(1, 1 << 32)
PURGING = {"autopurge.purgeInterval": 1, "autopurge.logRetainSizeInMb": 1}
FIRST_ZXID = 0x100000020
BIG_TREE = {"/big": b"", **{"/big/%05d" % i: b"%d" % i * 20 for i in range(100000)}}
GAP_MAX_S = 1.0  # between two writes while a snapshot is sent; on a busy machine
LIBFAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
HOURS_APART = {1: 0, 2: 5, 3: -5}


def first_logged(member):
    """The first zxid that its transaction log holds."""
    names = os.listdir(os.path.join(member.data_log_dir, "version-2"))
    return min(int(found.group(1), 16) for found in map(re.compile(r"log\.([0-9a-f]+)$").match,
                                                        names) if found)


class Recovery(unittest.TestCase):
    def test_a_member_that_missed_more_than_the_log_keeps_comes_back_by_snap(self):
        with Ensemble([PADDOCK] * 3, config=PURGING) as ensemble:
            with FaultLoad(ensemble, SEED) as load:
                load.progress()
                leader = ensemble.wait_for_leader()
                for member in (ensemble.others(leader)[0], leader):
                    last_zxid = member.status().zxid
                    member.kill()
                    holder = ensemble.wait_for_leader()
                    with BulkWriter(holder):
                        wait_until(lambda h=holder, z=last_zxid: first_logged(h) > z + 1,
                                   DEADLINE_S, "%s purges its log" % holder)
                    self.assertEqual(ensemble.restart_synchronized(member), "SNAP")
                    load.progress()
            load.check()

    def test_a_member_takes_a_snapshot_of_a_big_tree_while_writes_go_on(self):
        with Ensemble([PADDOCK] * 3, prepare=lambda m: write_snapshot(
                m.data_dir, FIRST_ZXID, BIG_TREE)) as ensemble:
            with FaultLoad(ensemble, SEED) as load:
                load.progress()
                leader = ensemble.wait_for_leader()
                member = ensemble.others(leader)[0]
                member.kill()
                member.wipe()
                with BulkWriter(leader) as bulk:
                    begin, before = time.monotonic(), bulk.written
                    self.assertEqual(ensemble.restart_synchronized(member), "SNAP")
                    ensemble.wait_serving([member])
                    print("%d writes while %s came back in %.2f s, longest gap %.0f ms" % (
                        bulk.written - before, member, time.monotonic() - begin,
                        bulk.longest_gap_s * 1000))
                    self.assertLess(bulk.longest_gap_s, GAP_MAX_S)
                self.assertGreater(bulk.written, 1000)
                load.progress()
            load.check()

    def test_clocks_that_are_hours_apart_change_nothing(self):
        """But the times of nodes, which are the leader's."""
        def shift_clock(member):
            member.environment.update(LD_PRELOAD=LIBFAKETIME[0], FAKETIME_DONT_FAKE_MONOTONIC="1",
                                      FAKETIME="%+dh" % HOURS_APART[member.number])

        self.assertTrue(LIBFAKETIME, "libfaketime is not there: tools/install-dependencies test")
        with Ensemble([PADDOCK] * 3, prepare=shift_clock) as ensemble:
            with FaultLoad(ensemble, SEED) as load:
                for member in ensemble:
                    load.progress()
                    ensemble.make_leader(member, load.progress)
                    self.assertAlmostEqual(self.hours_ahead(member), HOURS_APART[member.number],
                                           delta=0.1)
                    load.progress()
            load.check()

    @staticmethod
    def hours_ahead(member):
        """By the time that a node is given."""
        with contextlib.closing(RawClient(member.port)) as client:
            path = "/clock-%d" % member.number
            for op, record in ((raw_client.CREATE, raw_client.create(path)),
                               (raw_client.GET_DATA, raw_client.read(path))):
                reply = client.call(op, record)
                assert reply.error == raw_client.OK, reply
            client.call(raw_client.CLOSE_SESSION)
        return (raw_client.data_and_stat(reply.body)[1].ctime / 1000 - time.time()) / 3600


if __name__ == "__main__":
    unittest.main()
