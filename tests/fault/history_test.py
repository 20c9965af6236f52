"""The checks of a record: each lie that servers could tell is found."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import history
import raw_client
from history import Entry, Violation
from znode_model import create, multi, read, set_data

OK = raw_client.OK
K, A, B = "/recorded/0-k1", "/recorded/0-m1:a", "/recorded/0-m1:b"
END = 100.0


def stat(version):
    return raw_client.Stat(0, 0, 0, 0, version, 0, 0, 0, 0, 0, 0)


def node(value, version=0):
    return value, stat(version), b""


def entry(call, returned, request, result, zxid):
    return Entry("client", request, call, returned, result, zxid)


def created(call, path, zxid, value=b"1"):
    return entry(call, call + 1, create(path, value), (OK, None), zxid)


def enqueued(call, number, zxid, value=b"q"):
    return entry(call, call + 1, ("enqueue", "/queue/n-", value),
                 (OK, "/queue/n-%010d" % number), zxid)


def dequeued(call, number, zxid):
    return entry(call, call + 1, ("dequeue", "/queue/n-%010d" % number), (OK, None), zxid)


class Histories(unittest.TestCase):
    def check(self, entries, tree):
        history.check(entries, tree, END)

    def refused(self, entries, tree, why):
        with self.assertRaisesRegex(Violation, why):
            self.check(entries, tree)

    def test_what_is_in_order_is_accepted(self):
        self.check([created(1, K, 1), entry(3, 4, set_data(K, b"2"), (OK, 1), 2),
                    entry(5, 6, read(K), (OK, (b"2", 1)), 2), enqueued(7, 0, 3, b"a"),
                    enqueued(9, 1, 4, b"b"), dequeued(11, 0, 5), Entry("c", create(A, b"x"), 12)],
                   {K: node(b"2", 1), "/queue/n-0000000001": node(b"b")})

    def test_an_acknowledged_write_that_no_server_holds_in_the_end_is_found(self):
        self.refused([created(1, K, 1)], {}, "not linearizable")
        self.refused([created(1, K, 1), entry(3, 4, set_data(K, b"2"), (OK, 1), 2)],
                     {K: node(b"1")}, "not linearizable")

    def test_an_unknown_write_may_be_there_in_the_end(self):
        for tree in ({}, {K: node(b"1")}):
            self.check([Entry("client", create(K, b"1"), 1)], tree)

    def test_half_a_multi_is_found(self):
        both = multi(set_data(A, b"2"), set_data(B, b"2"))
        self.refused([created(1, A, 1), created(1, B, 2), Entry("client", both, 3)],
                     {A: node(b"2", 1), B: node(b"1")}, "not linearizable")

    def test_two_writes_at_one_zxid_are_found(self):
        self.refused([created(1, K, 1), created(1, A, 1)], {K: node(b"1"), A: node(b"1")},
                     "two writes at zxid 0x1")

    def test_a_later_write_with_an_earlier_zxid_is_found(self):
        """Even of other nodes: there is one order of all."""
        self.refused([created(1, K, 2), created(3, A, 1)], {K: node(b"1"), A: node(b"1")},
                     "had been answered")
        self.check([created(1, K, 2), created(1.5, A, 1)], {K: node(b"1"), A: node(b"1")})

    def test_a_synced_read_behind_the_last_write_of_all_is_found(self):
        self.refused([created(1, K, 5), entry(3, 4, read(A), (raw_client.NO_NODE, None), 4)],
                     {K: node(b"1")}, "had been answered")

    def test_a_sequential_number_that_is_given_twice_is_found(self):
        tree = {"/queue/n-0000000007": node(b"b")}
        self.refused([enqueued(1, 7, 1, b"a"), dequeued(3, 7, 2), enqueued(5, 7, 3, b"b")], tree,
                     "sequential number")

    def test_a_sequential_node_that_is_lost_or_back_is_found(self):
        tree = {"/queue/n-0000000007": node(b"a")}
        self.refused([enqueued(1, 7, 1)], {}, "is lost")
        self.refused([enqueued(1, 7, 1, b"a"), dequeued(3, 7, 2)], tree, "is back")
        self.refused([], tree, "not put there")

    def test_the_longest_gap_counts_from_the_beginning_to_the_end(self):
        entries = [created(1, K, 1), created(4, A, 2)]
        self.assertEqual(history.longest_gap(entries, 0, 6), (3.0, 2))
        self.assertEqual(history.longest_gap(entries, 0, 20), (15.0, 5))


if __name__ == "__main__":
    unittest.main()
