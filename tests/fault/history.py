"""What must hold of the record of a FaultLoad: checked when it is over, and all servers agree.

Beside linearizability (linearizability.py) these look at what ZooKeeper's protocol shows of the
order of things: a write answers with its zxid, and zxids are the one order of all writes of all
clients.
"""

import collections
import dataclasses
import typing

import linearizability
import raw_client
import znode_model
from linearizability import NEVER, NotLinearizable, Operation

QUEUE = "/queue"
OBJECT_END = ":"  # "/recorded/3-m1:a" is a node of the object "/recorded/3-m1"


class Violation(Exception):
    """What was promised does not hold."""


@dataclasses.dataclass(slots=True)
class Entry:
    """One request of one client. result None: it is not known whether it was done."""

    client: str
    request: tuple
    call: float
    returned: float = NEVER
    result: typing.Optional[tuple] = None
    zxid: int = 0

    @property
    def is_read(self):
        return self.request[0] == "read"

    @property
    def is_done_write(self):
        return not self.is_read and self.result is not None and self.result[0] == raw_client.OK


def check(entries, tree, end):
    """Violation if anything is wrong. tree: what all servers hold, read after the moment `end`."""
    check_zxids(entries)
    check_queue(entries, tree)
    check_objects(entries, tree, end)


def object_of(request):
    path = request[1][1] if request[0] == "multi" else request[1]
    return path.split(OBJECT_END)[0]


def paths_of(request):
    return {each[1] for each in request[1:]} if request[0] == "multi" else {request[1]}


def check_objects(entries, tree, end):
    """Every group of nodes that are written together has a linearizable history.

    The last operation reads the final tree, so an acknowledged write that is lost is found here.
    """
    objects, paths = collections.defaultdict(list), collections.defaultdict(set)
    for e in entries:
        if e.request[0] not in ("enqueue", "dequeue"):
            name = object_of(e.request)
            objects[name].append(Operation(e.client, e.call, e.returned, e.request, e.result))
            paths[name] |= paths_of(e.request)
    for name, history in objects.items():
        state = tuple(sorted((path, (tree[path][0], tree[path][1].version))
                             for path in paths[name] if path in tree))
        history.append(Operation("the end", end, end + 1, znode_model.all_nodes(),
                                 (raw_client.OK, state)))
        try:
            linearizability.check(history, znode_model.step, znode_model.EMPTY)
        except NotLinearizable as e:
            raise Violation("%s is not linearizable: %s" % (name, e)) from None
    return len(objects)


def check_zxids(entries):
    """No two writes at one zxid; what was called after an answer has a later zxid, or sees it."""
    writes = sorted((e for e in entries if e.is_done_write), key=lambda e: e.zxid)
    for before, after in zip(writes, writes[1:]):
        if before.zxid == after.zxid:
            raise Violation("two writes at zxid 0x%x: %r and %r" % (after.zxid, before, after))
    events = [(e.returned, 1, e) for e in writes]
    events += [(e.call, 0, e) for e in entries if e.result is not None]
    latest, latest_at_call = None, {}
    for _, is_return, entry in sorted(events, key=lambda event: event[:2]):
        if not is_return:
            latest_at_call[id(entry)] = latest
        elif latest is None or entry.zxid > latest.zxid:
            latest = entry
    for entry in entries:
        before = latest_at_call.get(id(entry))
        if before is None or not (entry.is_read or entry.is_done_write):
            continue
        if entry.zxid < before.zxid or (entry.is_done_write and entry.zxid == before.zxid):
            raise Violation("%r was called after %r had been answered" % (entry, before))


def check_queue(entries, tree):
    """Sequential numbers rise with the zxids and none is given twice; nothing is lost or back."""
    given = sorted((e for e in entries if e.request[0] == "enqueue" and e.is_done_write),
                   key=lambda e: e.zxid)
    names = [e.result[1] for e in given]
    for before, after in zip(names, names[1:]):
        if number_of(before) >= number_of(after):
            raise Violation("sequential number %s was given after %s" % (after, before))
    values = {e.request[2]: e.result and e.result[1] for e in entries if e.request[0] == "enqueue"}
    dequeued = {e.request[1]: e.result for e in entries if e.request[0] == "dequeue"}
    found = {path: node[0] for path, node in tree.items() if path.startswith(QUEUE + "/")}
    for path in names:
        if path not in found and path not in dequeued:
            raise Violation("%s was acknowledged and is lost" % path)
    for path, value in found.items():
        if value not in values or values[value] not in (None, path):
            raise Violation("%s holds %r, which was not put there" % (path, value))
        if dequeued.get(path) is not None and dequeued[path][0] == raw_client.OK:
            raise Violation("%s was deleted and is back" % path)


def number_of(path):
    return int(path.rsplit("-", 1)[1])


def longest_gap(entries, begin, end):
    """The longest time in which no write was acknowledged, and when it began."""
    moments = [begin, *sorted(e.returned for e in entries
                              if e.is_done_write and begin <= e.returned <= end), end]
    return max((after - before, before) for before, after in zip(moments, moments[1:]))
