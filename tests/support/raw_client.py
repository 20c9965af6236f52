"""A small client for ZooKeeper's protocol that pipelines, and shows what other clients hide.

Requests are encoded by functions that return bytes; send() and receive() may be interleaved freely.
"""

import collections
import socket
import struct

PASSWORD_BYTES = 16
NO_PASSWORD = bytes(PASSWORD_BYTES)

OK, NO_NODE, NODE_EXISTS = 0, -101, -110
CREATE, DELETE, EXISTS, GET_DATA, SET_DATA = 1, 2, 3, 4, 5
GET_ACL, SET_ACL, GET_CHILDREN, SYNC, PING = 6, 7, 8, 9, 11
CHECK, MULTI, CLOSE_SESSION = 13, 14, -11
CREATE2, RECONFIG, CREATE_CONTAINER, CREATE_TTL, AUTH = 15, 16, 19, 21, 100
PERSISTENT, EPHEMERAL, SEQUENTIAL, CONTAINER, TTL = 0, 1, 2, 4, 5
WATCH_EVENT_XID, AUTH_XID = -1, -4

Reply = collections.namedtuple("Reply", "xid zxid error body")
Stat = collections.namedtuple(
    "Stat", "czxid mzxid ctime mtime version cversion aversion ephemeral_owner data_length "
    "num_children pzxid")
_STAT = struct.Struct(">qqqqiiiqiiq")
STAT_BYTES = _STAT.size


class Closed(Exception):
    """The server closed the connection."""


class Refused(Exception):
    """The server answered that there is no such session (any more)."""


def frame(body):
    return struct.pack(">i", len(body)) + body


def buffer(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def ustring(text):
    return buffer(text.encode())


def acl(*entries):
    """entries: (permissions, scheme, id)."""
    return struct.pack(">i", len(entries)) + b"".join(
        struct.pack(">i", permissions) + ustring(scheme) + ustring(identity)
        for permissions, scheme, identity in entries)


OPEN_ACL = acl((31, "world", "anyone"))


def create(path, data=b"", flags=PERSISTENT, acl_record=OPEN_ACL):
    return ustring(path) + buffer(data) + acl_record + struct.pack(">i", flags)


def create_ttl(path, data, ttl_ms):
    return create(path, data, TTL) + struct.pack(">q", ttl_ms)


def delete(path, version=-1):
    return ustring(path) + struct.pack(">i", version)


def set_data(path, data, version=-1):
    return ustring(path) + buffer(data) + struct.pack(">i", version)


def read(path, watch=False):
    """The record of exists, getData and getChildren."""
    return ustring(path) + struct.pack(">?", watch)


def check(path, version):
    return ustring(path) + struct.pack(">i", version)


def multi(operations):
    """operations: (op code, record) pairs."""
    parts = [struct.pack(">i?i", code, False, -1) + record for code, record in operations]
    return b"".join(parts) + struct.pack(">i?i", -1, True, -1)


def reconfig(joining=None, leaving=None, members=None, version=-1):
    texts = [buffer(text if text is None else text.encode()) for text in (joining, leaving, members)]
    return b"".join(texts) + struct.pack(">q", version)


def connect_request(timeout_ms=10000, session_id=0, password=NO_PASSWORD, last_zxid=0):
    return frame(struct.pack(">iqiq", 0, last_zxid, timeout_ms, session_id) + buffer(password) +
                 b"\0")


def ustring_at(body, offset=0):
    (size,) = struct.unpack_from(">i", body, offset)
    return body[offset + 4:offset + 4 + size].decode(), offset + 4 + size


def data_and_stat(body):
    """The reply of getData; data is None for null."""
    (size,) = struct.unpack_from(">i", body)
    end = 4 + max(size, 0)
    return None if size < 0 else body[4:end], Stat(*_STAT.unpack_from(body, end))


def stat_at(body, offset=0):
    return Stat(*_STAT.unpack_from(body, offset))


def multi_results(body):
    """The reply of a multi: (op code, error, stat of a setData) of each operation."""
    results, offset = [], 0
    while True:
        op, done, _ = struct.unpack_from(">i?i", body, offset)
        offset += 9
        if done:
            return results
        error, stat = OK, None
        if op == -1:
            (error,) = struct.unpack_from(">i", body, offset)
            offset += 4
        elif op == CREATE:
            _, offset = ustring_at(body, offset)
        elif op == SET_DATA:
            stat = stat_at(body, offset)
            offset += STAT_BYTES
        results.append((op, error, stat))


def names(body):
    (count,) = struct.unpack_from(">i", body)
    result, offset = [], 4
    for _ in range(count):
        name, offset = ustring_at(body, offset)
        result.append(name)
    return result


class RawClient:
    """One connection and its session. Every wait ends after deadline_s with TimeoutError."""

    def __init__(self, port, timeout_ms=10000, session_id=0, password=NO_PASSWORD, last_zxid=0,
                 deadline_s=30, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), deadline_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last_zxid = last_zxid
        self.events = []
        self._input = b""
        self._xid = 0
        try:
            self._send(connect_request(timeout_ms, session_id, password, last_zxid))
            response = self._receive_frame()
            _, self.timeout_ms, self.session_id = struct.unpack_from(">iiq", response)
            self.password = response[20:20 + PASSWORD_BYTES]
            if self.timeout_ms <= 0:
                raise Refused()
        except BaseException:
            self.close()
            raise

    def close(self):
        """Drops the connection; the session lives on until it expires."""
        self.socket.close()

    def send(self, op, record=b""):
        self._xid += 1
        self._send(frame(struct.pack(">ii", self._xid, op) + record))
        return self._xid

    def authenticate(self, scheme, credentials):
        self._send(frame(struct.pack(">iii", AUTH_XID, AUTH, 0) + ustring(scheme) +
                         buffer(credentials)))
        reply = self.receive()
        assert (reply.xid, reply.error) == (AUTH_XID, OK), reply

    def receive(self):
        """The next reply; watch events before it are put into self.events."""
        while True:
            body = self._receive_frame()
            reply = Reply(*struct.unpack_from(">iqi", body), body[16:])
            if reply.zxid > 0:
                self.last_zxid = max(self.last_zxid, reply.zxid)
            if reply.xid != WATCH_EVENT_XID:
                return reply
            self.events.append(ustring_at(reply.body, 8)[0])

    def call(self, op, record=b""):
        xid = self.send(op, record)
        reply = self.receive()
        assert reply.xid == xid, "reply to %d, not to %d" % (reply.xid, xid)
        return reply

    def _send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed() from None

    def _receive_frame(self):
        while len(self._input) < 4 or len(self._input) < 4 + self._frame_bytes():
            try:
                chunk = self.socket.recv(1 << 20)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise Closed()
            self._input += chunk
        end = 4 + self._frame_bytes()
        body, self._input = self._input[4:end], self._input[end:]
        return body

    def _frame_bytes(self):
        return struct.unpack_from(">i", self._input)[0]
