"""Servers in network namespaces, under load, while every kind of fault comes and goes.

    fault_test.py three                        every fault of faults.py for so many servers, once
    fault_test.py five ring --seed 7           or only those that are named
    fault_test.py three --minutes 10           kill -9 of each in rotation, partitions between
"""

import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import faults
import network
from fault_load import FaultLoad
from netns_ensemble import NetnsEnsemble

SIZES = {"three": 3, "five": 5}


def once(ensemble, load, chosen):
    listed = {fault.__name__: fault for fault in faults.LISTED[len(ensemble.members)]}
    for name in chosen or listed:
        with load.phase(name):
            listed[name](ensemble, load)


def for_minutes(ensemble, load, minutes, rng):
    end = time.monotonic() + minutes * 60
    kills = partitions = 0
    while time.monotonic() < end:
        for member in ensemble:
            with load.phase("%s is killed" % member):
                faults.kill(ensemble, member, load, away_s=rng.uniform(0, 3))
            kills += 1
        member = ensemble[rng.choice(list(ensemble.members))]
        with load.phase("%s is killed, the leader cut off" % member):
            faults.killed_while_the_leader_is_cut_off(ensemble, load, member)
        kills += 1
        fault = rng.choice(faults.PARTITIONS)
        with load.phase(fault.__name__):
            fault(ensemble, load)
        partitions += 2
    print("%d kills, %d partitions" % (kills, partitions))


def main(arguments):
    print("--seed %d" % arguments.seed, flush=True)
    begin = time.monotonic()
    with NetnsEnsemble(SIZES[arguments.size]) as ensemble:
        with FaultLoad(ensemble, arguments.seed) as load:
            load.progress()
            if arguments.minutes:
                for_minutes(ensemble, load, arguments.minutes, random.Random(arguments.seed))
            else:
                once(ensemble, load, arguments.faults)
        load.check()
    print("%s servers, %.0f s" % (arguments.size, time.monotonic() - begin))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("faults", nargs="*")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 32))
    given = parser.parse_args()
    network.enter("%s servers under partitions, loss, delay, pauses and kills" % given.size)
    main(given)
