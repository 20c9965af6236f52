"""Whether a history of concurrent operations could have been one after the other.

An operation takes effect at one moment between its call and its return, or, when nobody knows how
it ended, at any moment after its call, or never. check() looks for an order of such moments in
which a deterministic model gives every answer that was given. It is Wing and Gong's search with
Lowe's memory of configurations: a set of operations that were done and a state they left are tried
once.

Histories of different objects are checked each by itself: linearizability is local.
"""

import collections
import math

NEVER = math.inf
STEPS_MAX = 2_000_000  # far beyond what a history of the tests here needs

# result None: it is not known whether it was done. Its returned is NEVER then.
Operation = collections.namedtuple("Operation", "process call returned request result")


class Undecided(Exception):
    """The search took too long: the history is neither accepted nor refused."""


class NotLinearizable(Exception):
    """No order of the operations gives these answers."""


class _Search:
    """Operations are numbered by their call; a set of them is an integer with a bit for each."""

    def __init__(self, history, step):
        self.step = step
        self.known = sorted((o for o in history if o.result is not None), key=lambda o: o.call)
        self.unknown = sorted((o for o in history if o.result is None), key=lambda o: o.call)
        self.done_known = (1 << len(self.known)) - 1
        self.steps = 0
        self.seen = set()
        self.furthest = (0, 0, None)  # how many, which, and the state, where it got furthest

    def run(self, initial):
        """Depth first, on a stack of its own: histories are longer than Python's."""
        stack = [(0, 0, initial, self._candidates(0, 0))]
        while stack:
            known, unknown, state, candidates = stack[-1]
            if known == self.done_known:
                return
            entered = self._enter(known, unknown, state, candidates)
            if entered is None:
                stack.pop()
            else:
                stack.append((*entered, self._candidates(*entered[:2])))
        raise NotLinearizable(self._explanation())

    def _enter(self, known, unknown, state, candidates):
        """The next configuration from this one that was not tried, or None."""
        for operation, is_known, bit in candidates:
            self.steps += 1
            if self.steps > STEPS_MAX:
                raise Undecided("after %d steps; %s" % (STEPS_MAX, self._explanation()))
            result, next_state = self.step(state, operation.request)
            if is_known and result != operation.result:
                continue
            if not is_known and next_state == state:
                continue  # it need not have happened
            next_known, next_unknown = (known | bit, unknown) if is_known else (known,
                                                                                unknown | bit)
            if (next_known, next_unknown, next_state) in self.seen:
                continue
            self.seen.add((next_known, next_unknown, next_state))
            self._note(next_known, next_state)
            return next_known, next_unknown, next_state
        return None

    def _candidates(self, known, unknown):
        """What may be the next: nothing left has returned before it was called.

        Those whose end is not known come last: most of the time they were not done, or later.
        """
        minimal, first_return = [], NEVER
        index = (~known & (known + 1)).bit_length() - 1
        while index < len(self.known) and self.known[index].call <= first_return:
            if not known >> index & 1:
                minimal.append(index)
                first_return = min(first_return, self.known[index].returned)
            index += 1
        for index in minimal:
            if self.known[index].call <= first_return:
                yield self.known[index], True, 1 << index
        for index, operation in enumerate(self.unknown):
            if operation.call > first_return:
                break
            if not unknown >> index & 1:
                yield operation, False, 1 << index

    def _note(self, known, state):
        count = known.bit_count()
        if count > self.furthest[0]:
            self.furthest = (count, known, state)

    def _explanation(self):
        count, known, state = self.furthest
        left = [operation for operation, _, _ in self._candidates(known, 0)]
        return "%d of %d operations fit; then, at %r, none of these does:\n%s" % (
            count, len(self.known), state, "\n".join("  " + describe(o) for o in left[:20]))


def describe(operation):
    return "%s: %r -> %r, from %.6f to %.6f" % (
        operation.process, operation.request,
        "unknown" if operation.result is None else operation.result,
        operation.call, operation.returned)


def check(history, step, initial):
    """NotLinearizable if no order explains the history; Undecided if none is found for long.

    step(state, request) gives (result, next state); states can be hashed and are not changed.
    """
    _Search(history, step).run(initial)
