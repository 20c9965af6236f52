"""The checker itself: what it must accept, and above all what it must refuse."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import linearizability
import raw_client
from linearizability import NEVER, NotLinearizable, Operation
from znode_model import (ANY_VERSION, BAD_VERSION, EMPTY, check_version, create, delete, multi,
                         read, set_data, step)

OK, NO_NODE, NODE_EXISTS = raw_client.OK, raw_client.NO_NODE, raw_client.NODE_EXISTS
DONE = (OK, None)
X, Y = "/x", "/y"
SEEDS = 100


def op(call, returned, request, result):
    return Operation("client", call, returned, request, result)


def lost(call, request):
    """Its answer never came."""
    return op(call, NEVER, request, None)


def check(*history, initial=EMPTY):
    linearizability.check(history, step, initial)


class Histories(unittest.TestCase):
    def refused(self, *history, initial=EMPTY):
        with self.assertRaises(NotLinearizable):
            check(*history, initial=initial)

    def test_nothing_at_all_is_accepted(self):
        check()

    def test_one_after_the_other_is_accepted(self):
        check(op(1, 2, create(X, b"a"), DONE), op(3, 4, set_data(X, b"b"), (OK, 1)),
              op(5, 6, read(X), (OK, (b"b", 1))), op(7, 8, delete(X, 1), DONE),
              op(9, 10, read(X), (NO_NODE, None)))

    def test_a_stale_read_is_refused(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 4, set_data(X, b"b"), (OK, 1)),
                     op(5, 6, read(X), (OK, (b"a", 0))))

    def test_a_read_beside_a_write_may_see_either(self):
        for seen in ((b"a", 0), (b"b", 1)):
            check(op(1, 2, create(X, b"a"), DONE), op(3, 6, set_data(X, b"b"), (OK, 1)),
                  op(4, 5, read(X), (OK, seen)))

    def test_two_reads_beside_a_write_do_not_go_back(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 9, set_data(X, b"b"), (OK, 1)),
                     op(4, 5, read(X), (OK, (b"b", 1))), op(6, 7, read(X), (OK, (b"a", 0))))

    def test_a_read_of_what_nobody_wrote_is_refused(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 4, read(X), (OK, (b"?", 0))))

    def test_a_lost_acknowledged_write_is_refused(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 4, read(X), (NO_NODE, None)))

    def test_a_write_done_twice_is_refused(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 4, set_data(X, b"b"), (OK, 1)),
                     op(5, 6, read(X), (OK, (b"b", 2))))

    def test_two_conditional_writes_of_one_version_are_refused(self):
        history = [op(1, 2, create(X, b"a"), DONE), op(3, 6, set_data(X, b"b", 0), (OK, 1))]
        self.refused(*history, op(4, 5, set_data(X, b"c", 0), (OK, 1)))
        check(*history, op(4, 5, set_data(X, b"c", 0), (BAD_VERSION, None)))

    def test_two_creators_of_one_node_are_refused(self):
        self.refused(op(1, 4, create(X, b"a"), DONE), op(2, 3, create(X, b"b"), DONE))
        check(op(1, 4, create(X, b"a"), DONE), op(2, 3, create(X, b"b"), (NODE_EXISTS, None)))

    def test_an_error_without_a_cause_is_refused(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 4, create(X, b"b"), DONE))
        self.refused(op(1, 2, delete(X), (BAD_VERSION, None)))

    def test_an_unknown_write_may_be_done_now_or_later_or_never(self):
        start = [op(1, 2, create(X, b"a"), DONE), lost(3, set_data(X, b"b"))]
        before, after = (OK, (b"a", 0)), (OK, (b"b", 1))
        check(*start, op(4, 5, read(X), before))
        check(*start, op(4, 5, read(X), after))
        check(*start, op(4, 5, read(X), before), op(6, 7, read(X), after))
        self.refused(*start, op(4, 5, read(X), after), op(6, 7, read(X), before))

    def test_an_unknown_write_is_not_done_before_it_was_asked_for(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), op(3, 4, read(X), (OK, (b"b", 1))),
                     lost(5, set_data(X, b"b")))

    def test_an_unknown_write_is_not_done_twice(self):
        self.refused(op(1, 2, create(X, b"a"), DONE), lost(3, set_data(X, b"b")),
                     op(4, 5, set_data(X, b"c"), (OK, 2)), op(6, 7, read(X), (OK, (b"b", 3))))

    def test_a_version_counts_the_unknown_writes_before_it(self):
        start = [op(1, 2, create(X, b"a"), DONE), lost(3, set_data(X, b"b")),
                 lost(3, set_data(X, b"c"))]
        check(*start, op(4, 5, set_data(X, b"d"), (OK, 3)))
        self.refused(*start, op(4, 5, set_data(X, b"d"), (OK, 4)))

    def test_half_a_multi_is_refused(self):
        both = multi(set_data(X, b"1"), set_data(Y, b"1"))
        start = [op(1, 2, create(X, b"0"), DONE), op(1, 2, create(Y, b"0"), DONE)]
        done = (OK, ((OK, 1), (OK, 1)))
        check(*start, op(3, 9, both, done), op(4, 5, read(X), (OK, (b"1", 1))),
              op(6, 7, read(Y), (OK, (b"1", 1))))
        self.refused(*start, op(3, 9, both, done), op(4, 5, read(X), (OK, (b"1", 1))),
                     op(6, 7, read(Y), (OK, (b"0", 0))))

    def test_a_multi_that_fails_changes_nothing_and_says_where(self):
        start = [op(1, 2, create(X, b"0"), DONE)]
        failing = multi(set_data(X, b"1"), check_version(Y, ANY_VERSION), create(Y, b"1"))
        check(*start, op(3, 4, failing, (NO_NODE, 1)), op(5, 6, read(X), (OK, (b"0", 0))))
        self.refused(*start, op(3, 4, failing, (NO_NODE, 0)))
        self.refused(*start, op(3, 4, failing, (NO_NODE, 1)), op(5, 6, read(X), (OK, (b"1", 1))))

    def test_a_refusal_names_what_does_not_fit(self):
        with self.assertRaisesRegex(NotLinearizable, r"1 of 2 operations fit.*\n.*'read', '/x'"):
            check(op(1, 2, create(X, b"a"), DONE), op(3, 4, read(X), (NO_NODE, None)))


class RandomHistories(unittest.TestCase):
    """Operations of many clients done one by one, seen with the times around them."""

    def history(self, rng, length=60):
        state, moment, operations = EMPTY, 0.0, []
        for value in range(length):
            moment += 1
            path = rng.choice([X, Y])
            version = rng.choice([ANY_VERSION, 0, 1])
            request = rng.choice([
                create(path, value), delete(path, version), set_data(path, value, version),
                read(path), multi(set_data(X, value), create(Y, value))])
            result, after = step(state, request)
            known = request[0] == "read" or rng.random() < 0.9
            if known or rng.random() < 0.5:
                state = after
            call = moment - rng.random() * 5
            operations.append(op(call, moment + rng.random() * 5 if known else NEVER, request,
                                 result if known else None))
        return operations

    def test_what_a_model_did_is_accepted(self):
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                check(*self.history(random.Random(seed)))

    def test_what_it_could_not_do_is_refused(self):
        """One answer of the history is another's."""
        for seed in range(SEEDS):
            rng = random.Random(seed)
            history = self.history(rng, 30)
            value, version = "nobody's", rng.randrange(3)
            path, after = rng.choice([X, Y]), rng.choice(history).call
            wrong = op(after, after + 1, read(path), (OK, (value, version)))
            with self.subTest(seed=seed), self.assertRaises(NotLinearizable):
                check(*history, wrong)


if __name__ == "__main__":
    unittest.main()
