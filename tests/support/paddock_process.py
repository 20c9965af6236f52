"""Starts real servers for tests: Paddock, or ZooKeeper 3.8.0 to compare it with.

    with ServerProcess({"tickTime": 500}) as server:
        ... server.port, server.kill(), server.start() ...

The environment variable SERVER chooses: `paddock` (the default) or `zookeeper`. PADDOCK_BIN_DIR
says where paddock-server is; CMake's tests set it. A server listens on a free port of 127.0.0.1,
keeps its files in a folder of its own that close() removes, and dies with the test that started it.
"""

import contextlib
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN_DIR = os.environ.get("PADDOCK_BIN_DIR", os.path.join(SOURCE_DIR, "build/release/bin"))
START_DEADLINE_S = 60
STOP_DEADLINE_S = 30
JAVA_JARS = "/usr/share/java"

# ZooKeeper takes these only as Java properties, not from its configuration file.
_JAVA_PROPERTIES = ("znode.container.", "jute.maxbuffer", "readonlymode.enabled")


class ServerError(Exception):
    """A server that did not do what the test needed of it; the message ends with its log."""


def chosen_server():
    kind = os.environ.get("SERVER", "paddock")
    if kind not in ("paddock", "zookeeper"):
        raise ServerError("SERVER must be paddock or zookeeper, not %r" % kind)
    return kind


def wait_until(condition, deadline_s, what, step_s=0.01):
    """Returns the first true result of condition(); ServerError when there is none in time."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise ServerError("not within %g s: %s" % (deadline_s, what))
        time.sleep(step_s)


def _reserve(port):
    """Keeps other tests off the port for as long as this process lives, listened on or not.

    What does so is a socket with the port in its name.
    """
    reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        reservation.bind("\0paddock-test-port-%d" % port)
    except OSError:
        reservation.close()
        return False
    reservation.detach()
    return True


def _is_free(port):
    with contextlib.closing(socket.socket()) as s:
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_port_range(count):
    """The first of `count` ports that nobody listens on, below those for outgoing connections."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first_outgoing = int(f.read().split()[0])
    while True:
        first = random.randrange(max(1024, first_outgoing - 20000), first_outgoing - count)
        if all(_is_free(port) and _reserve(port) for port in range(first, first + count)):
            return first


def free_port():
    """A port that nobody listens on."""
    return free_port_range(1)


def four_letter_word(port, word, timeout_s=10, host="127.0.0.1"):
    """The whole answer to one of ZooKeeper's four-letter words."""
    with contextlib.closing(socket.create_connection((host, port), timeout_s)) as s:
        s.sendall(word.encode())
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
    return answer.decode()


def die_with_parent():
    """For preexec_fn: the child is killed when the thread that started it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def end_on_sigterm():
    """Lets `with` blocks and tearDown run when a test is told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))


def java_command(main_class, arguments, properties=(), jars=("zookeeper",), classes=None,
                 log_level="WARN", log_levels=(), heap_mb=256):
    """A command line for a small, quiet Java program on Debian's ZooKeeper jars.

    log_levels: exceptions from log_level, as (name, level), that java/log4j.properties knows.
    """
    path = ["%s/%s.jar" % (JAVA_JARS, jar) for jar in (*jars, "slf4j-log4j12", "log4j-1.2")]
    path.append(os.path.join(SOURCE_DIR, "tests/support/java"))
    if classes:
        path.append(classes)
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-Xmx%dm" % heap_mb, "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8",
            "-Dlog.level=" + log_level,
            *("-D%s.log.level=%s" % level for level in log_levels),
            *("-D%s=%s" % p for p in properties), "-cp", ":".join(path), main_class, *arguments]


class ServerProcess:
    """One server process and its folder. Stops and cleans up when the `with` block ends."""

    java_options = {}  # of java_command
    host = "127.0.0.1"

    def __init__(self, config=None, kind=None, folder=None, environment=None):
        """config: zoo.cfg keys beyond dataDir and clientPort, which are chosen here unless given.

        folder: keep data there instead of in a folder of its own; it is then not removed.
        """
        self.kind = kind or chosen_server()
        self._owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="paddock-test-")
        self.config = dict(config or {})
        self.environment = dict(os.environ, **(environment or {}))
        self.data_dir = self.config.get("dataDir", os.path.join(self.folder, "data"))
        self.data_log_dir = self.config.get("dataLogDir", self.data_dir)
        self.log_path = os.path.join(self.folder, "server.log")
        self.port = None
        self.process = None
        end_on_sigterm()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        return "%s:%d" % (self.host, self.port)

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        """Starts the process and returns once it answers `srvr`. The port stays over restarts."""
        assert self.process is None, "already started"
        attempts = 1 if self.port else 5
        for attempt in range(attempts):
            if attempt or not self.port:
                self.port = free_port()
            self.spawn()
            try:
                wait_until(self._serving, START_DEADLINE_S, "the server serves clients")
                return self
            except ServerError as e:
                self.kill()
                # Between free_port() and now somebody else may have taken the port.
                if attempt + 1 == attempts or "in use" not in self.log():
                    raise ServerError("%s\n%s" % (e, self.log()[-4000:])) from None

    def spawn(self):
        """Starts the process and waits for nothing."""
        os.makedirs(self.data_dir, exist_ok=True)
        cfg = os.path.join(self.folder, "zoo.cfg")
        self.write_config(cfg)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self._command(cfg), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=self.environment, preexec_fn=die_with_parent)

    def write_config(self, cfg):
        with open(cfg, "w") as f:
            f.writelines("%s=%s\n" % line for line in self._lines())

    def stop(self):
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self):
        """SIGKILL: what the server has not written by now, it never writes."""
        return self._end(signal.SIGKILL)

    def close(self):
        self.kill()
        if self._owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_for_log(self, pattern, deadline_s=30):
        """The first match of the regular expression in what the server logs."""
        return wait_until(lambda: re.search(pattern, self.log()), deadline_s,
                          "the server logs %r; it logged:\n%s" % (pattern, self.log()[-4000:]))

    def rss_bytes(self):
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def four_letter_word(self, word, timeout_s=10):
        return four_letter_word(self.port, word, timeout_s, self.host)

    def _end(self, signal_number):
        if self.process is None:
            return None
        self.process.send_signal(signal_number)
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServerError("still there %d s after signal %d\n%s" % (
                STOP_DEADLINE_S, signal_number, self.log()[-4000:])) from None
        finally:
            self.process = None

    def _lines(self):
        keys = {"dataDir": self.data_dir, "clientPort": self.port, "clientPortAddress": self.host}
        keys.update(self.config)
        if self.kind == "zookeeper":
            keys["admin.enableServer"] = "false"
            keys = {k: v for k, v in keys.items() if not k.startswith(_JAVA_PROPERTIES)}
        return sorted(keys.items())

    def _command(self, cfg):
        if self.kind == "paddock":
            return [os.path.join(BIN_DIR, "paddock-server"), cfg]
        properties = [(k, v) for k, v in self.config.items() if k.startswith(_JAVA_PROPERTIES)]
        return java_command("org.apache.zookeeper.server.quorum.QuorumPeerMain", [cfg], properties,
                            **self.java_options)

    def _serving(self):
        if self.process.poll() is not None:
            raise ServerError("the server ended with %d" % self.process.returncode)
        try:
            return _listens(self.pid, self.port) and "Mode:" in self.four_letter_word("srvr", timeout_s=0.5)
        except OSError:
            return False


def _listens(pid, port):
    """Whether it is this process, and not another test's server, that listens on the port."""
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as f:
            for fields in map(str.split, f.readlines()[1:]):
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    listening.add("socket:[%s]" % fields[9])
    folder = "/proc/%d/fd" % pid
    for fd in os.listdir(folder) if listening else ():
        with contextlib.suppress(OSError):
            if os.readlink(os.path.join(folder, fd)) in listening:
                return True
    return False
