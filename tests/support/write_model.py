"""Writers whose effect a small model predicts exactly, whatever happens to the servers.

Each writer has a session and a folder of its own and pipelines writes. After a failure the folder
must look like the model after some number of the writer's requests: at least those acknowledged, at
most those sent. So no acknowledged write is lost or done twice, no multi is half there, no
sequential number or version repeats, and the requests of a session are never applied out of order.
"""

import collections

import raw_client
from raw_client import RawClient

KEPT = 25  # nodes of each kind that a folder holds before the oldest is deleted


class Model:
    """What a writer's folder holds after each of its requests."""

    def __init__(self):
        self.register = self.register_version = self.left = self.right = 0
        self.queue = {}  # name: data
        self.marks = []
        self.next_number = 0
        self.step = 0

    def copy(self):
        other = Model()
        other.__dict__.update(self.__dict__, queue=dict(self.queue), marks=list(self.marks))
        return other

    def next_request(self, folder):
        """The request of the next step, as (op code, record)."""
        n = self.step + 1
        if n % 3 == 0:
            return raw_client.SET_DATA, raw_client.set_data(folder + "/register", b"%d" % n)
        if n % 3 == 1:
            if len(self.queue) >= KEPT:
                return raw_client.DELETE, raw_client.delete(folder + "/queue/" + min(self.queue))
            return raw_client.CREATE, raw_client.create(folder + "/queue/q-", b"%d" % n,
                                                        raw_client.SEQUENTIAL)
        operations = [
            (raw_client.SET_DATA, raw_client.set_data(folder + "/left", b"%d" % n)),
            (raw_client.CREATE, raw_client.create("%s/marks/%d" % (folder, n))),
            (raw_client.SET_DATA, raw_client.set_data(folder + "/right", b"%d" % n))]
        if len(self.marks) >= KEPT:
            operations.insert(1, (raw_client.DELETE, raw_client.delete(
                "%s/marks/%d" % (folder, self.marks[0]))))
        return raw_client.MULTI, raw_client.multi(operations)

    def apply_next(self):
        """Takes the effect of next_request(); returns the name that a create answers, if any."""
        self.step += 1
        if self.step % 3 == 0:
            self.register = self.step
            self.register_version += 1
        elif self.step % 3 == 2:
            self.left = self.right = self.step
            if len(self.marks) >= KEPT:
                self.marks.pop(0)
            self.marks.append(self.step)
        elif len(self.queue) >= KEPT:
            del self.queue[min(self.queue)]
        else:
            name = "q-%010d" % self.next_number
            self.next_number += 1
            self.queue[name] = b"%d" % self.step
            return name
        return None

    def state(self):
        return ((self.register, self.register_version), self.left, self.right,
                sorted(self.queue.items()), sorted(self.marks))


class Writer:
    """A session that writes, and the model of its folder."""

    def __init__(self, folder, session_ms, in_flight, deadline_s=30):
        self.folder = folder
        self.session_ms = session_ms
        self.in_flight = in_flight
        self.deadline_s = deadline_s
        self.acknowledged = Model()
        self.sent = Model()
        self.client = None
        self.acknowledged_count = 0
        self.last_write_zxid = 0

    def connect(self, port):
        """Attaches to the session; that the server knows every zxid it ever told is a check too."""
        old = self.client
        self.close()
        if old is None:
            self.client = RawClient(port, self.session_ms, deadline_s=self.deadline_s)
        else:
            self.client = RawClient(port, self.session_ms, old.session_id, old.password,
                                    old.last_zxid, self.deadline_s)

    def close(self):
        if self.client is not None:
            self.client.close()

    def prepare(self):
        for path, data, flags in (("", b"", 0), ("/register", b"0", 0), ("/left", b"0", 0),
                                  ("/right", b"0", 0), ("/queue", b"", 0), ("/marks", b"", 0),
                                  ("/alive", b"", raw_client.EPHEMERAL)):
            reply = self.client.call(raw_client.CREATE,
                                     raw_client.create(self.folder + path, data, flags))
            assert reply.error == raw_client.OK, (path, reply)

    def write(self, on_acknowledged, more=lambda: True):
        """Writes until more() says no and all is answered; Closed when the connection is gone."""
        expected = collections.deque()
        while True:
            while len(expected) < self.in_flight and more():
                op, record = self.sent.next_request(self.folder)
                name = self.sent.apply_next()
                expected.append((self.client.send(op, record), name))
            if not expected:
                return
            self._take_reply(*expected.popleft())
            on_acknowledged()

    def _take_reply(self, xid, name):
        reply = self.client.receive()
        assert (reply.xid, reply.error) == (xid, raw_client.OK), "request %d: %r" % (xid, reply)
        assert reply.zxid > self.last_write_zxid, (
            "%s: a write at zxid 0x%x was answered after one at 0x%x" % (
                self.folder, reply.zxid, self.last_write_zxid))
        self.last_write_zxid = reply.zxid
        if name is not None:
            path = raw_client.ustring_at(reply.body)[0]
            assert path == "%s/queue/%s" % (self.folder, name), (path, name)
        self.acknowledged.apply_next()
        self.acknowledged_count += 1

    def verify(self):
        """Finds how many requests the server has applied, or fails; writing goes on from there."""
        found = self._read_folder()
        model = self.acknowledged.copy()
        while model.state() != found:
            if model.step >= self.sent.step:
                raise AssertionError(
                    "%s is like no state between request %d (acknowledged) and %d (sent): found "
                    "%r, acknowledged %r" % (self.folder, self.acknowledged.step, self.sent.step,
                                             found, self.acknowledged.state()))
            model.apply_next()
        self.acknowledged = model
        self.sent = model.copy()

    def _read_folder(self):
        data, stat = self._get("register")
        left, right = (int(self._get(name)[0]) for name in ("left", "right"))
        queue = {name: self._get("queue/" + name)[0] for name in self._list("queue")}
        marks = [int(name) for name in self._list("marks")]
        return (int(data), stat.version), left, right, sorted(queue.items()), sorted(marks)

    def _get(self, name):
        return raw_client.data_and_stat(self._read(raw_client.GET_DATA, name).body)

    def _list(self, name):
        return raw_client.names(self._read(raw_client.GET_CHILDREN, name).body)

    def _read(self, op, name):
        reply = self.client.call(op, raw_client.read("%s/%s" % (self.folder, name)))
        assert reply.error == raw_client.OK, (name, reply)
        return reply

    def verify_session(self):
        _, stat = self._get("alive")
        assert stat.ephemeral_owner == self.client.session_id, self.folder
