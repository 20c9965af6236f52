"""A relay in front of a server's port that cuts its first long answers in the middle."""

import contextlib
import socket
import threading

CHUNK = 4096


class CuttingRelay:
    """Listens on `port` of 127.0.0.1 and passes on to `target`.

    The first `cuts` connections that get more than `cut_after` bytes back are cut there; all later
    ones are passed on whole.
    """

    def __init__(self, port, target, cut_after, cuts):
        self.target = target
        self.cut_after = cut_after
        self.cuts_left = cuts
        self._lock = threading.Lock()  # guards cuts_left and _sockets
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._shut(self._listener)
        with self._lock:
            for each in self._sockets:
                self._shut(each)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    self._shut(client)
                    continue
                with self._lock:
                    self._sockets += [client, server]
                for source, sink, cut in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=(source, sink, cut),
                                     daemon=True).start()

    def _pass_on(self, source, sink, may_cut):
        passed = 0
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                if may_cut and passed + len(chunk) > self.cut_after and self._take_cut():
                    sink.sendall(chunk[:self.cut_after - passed])
                    break
                passed += len(chunk)
                sink.sendall(chunk)
        self._shut(source)
        self._shut(sink)

    def _take_cut(self):
        with self._lock:
            self.cuts_left -= 1
            return self.cuts_left >= 0

    @staticmethod
    def _shut(each):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
