"""A disk that fills up under one member: it ends, says why, and comes back when there is room.

Its data is on a small file system, mounted where nobody else sees it.
"""

import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import network
from bulk_writer import BulkWriter
from ensemble import DEADLINE_S, PADDOCK, Ensemble
from fault_load import FaultLoad
from paddock_process import wait_until

SEED = random.randrange(1, 1 << 32)
DISK_MB = 40
CONFIG = {"preAllocSize": 1024, "autopurge.purgeInterval": 1}
NO_ROOM = r"FATAL: cannot .*(No space left on device|ENOSPC)"
NO_START = r"No space left on device"


class SmallDisk:
    """A file system of its own below a folder; the files there move along."""

    def __init__(self, folder):
        self.folder = folder
        self.filler = os.path.join(folder, "filler")
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MB, "tmpfs", folder],
                       check=True)

    def fill(self):
        """Leaves not a byte."""
        with open(self.filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
            while f.write(bytes(4096)):
                pass

    def make_room(self):
        os.remove(self.filler)

    def close(self):
        subprocess.run(["umount", self.folder], check=True)


class DiskFull(unittest.TestCase):
    def disk_fills_up(self, choose):
        disks = {}

        def prepare(member):
            disks[member.number] = SmallDisk(member.data_dir)
            member.write_myid()

        ensemble = Ensemble([PADDOCK] * 3, prepare=prepare, config=CONFIG)
        try:
            with ensemble:
                with FaultLoad(ensemble, SEED) as load:
                    load.progress()
                    member = choose(ensemble)
                    with load.phase("the disk of %s is full" % member):
                        self.fill_and_make_room(ensemble, load, member, disks[member.number])
                load.check()
        finally:
            for disk in disks.values():
                disk.close()
            shutil.rmtree(ensemble.folder)

    def fill_and_make_room(self, ensemble, load, member, disk):
        disk.fill()
        with BulkWriter(ensemble.others(member)[0]):
            wait_until(lambda: member.process.poll() is not None, DEADLINE_S, "%s ends" % member)
        self.assertNotEqual(member.process.returncode, 0)
        self.assertRegex(member.log(), NO_ROOM)
        print(re.search(".*FATAL.*", member.log()).group(0))
        member.kill()
        load.progress()

        mark = member.log_size()
        disk.fill()  # what its end has left free
        member.spawn()
        self.assertNotEqual(member.process.wait(DEADLINE_S), 0)
        self.assertRegex(member.log_since(mark), NO_START)
        member.kill()
        load.progress()

        disk.make_room()
        ensemble.start([member])

    def test_a_follower_whose_disk_is_full_ends_alone(self):
        self.disk_fills_up(lambda ensemble: ensemble.others(ensemble.wait_for_leader())[0])

    def test_a_leader_whose_disk_is_full_is_replaced(self):
        self.disk_fills_up(lambda ensemble: ensemble.wait_for_leader())


if __name__ == "__main__":
    network.enter("what a server does whose disk is full")
    unittest.main()
