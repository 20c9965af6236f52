"""`paddock ensemble`: three servers come up, lose their leader, get it back and go down again.

The conf files are as those in conf/ensemble, with ports that are free.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from paddock_process import (BIN_DIR, chosen_server, end_on_sigterm, four_letter_word, free_port,
                             java_command, wait_until)
from raw_client import Closed, RawClient, Refused

TICK_MS = 200
COMMAND_DEADLINE_S = 120
# What `paddock ensemble` starts in the place of paddock-server: ZooKeeper does not take --dataDir,
# by which the process is known.
ZOOKEEPER = """#!/bin/bash
sed "s|^dataDir=.*|dataDir=${1#*=}|" "$2" > "${1#*=}/zoo.cfg"
exec -a "$1" %s "${1#*=}/zoo.cfg"
"""
STATUS_LINE = re.compile(
    r"^server (\d+)  (?:(down)|(\w[\w -]*?) +(?:epoch \d+ +zxid 0x[0-9a-f]+ +\d+ connections? +)?"
    r"127\.0\.0\.1:(\d+)  pid (\d+))$")


class LocalEnsemble:
    """A folder of conf files and one of data, and the command that runs them."""

    def __init__(self, size):
        self.folder = tempfile.mkdtemp(prefix="paddock-ensemble-")
        self.numbers = range(1, size + 1)
        self.client_ports = {}
        lines = []
        for number in self.numbers:
            self.client_ports[number] = free_port()
            lines.append("server.%d=127.0.0.1:%d:%d" % (number, free_port(), free_port()))
        os.mkdir(self.path("conf"))
        for number in self.numbers:
            keys = ["tickTime=%d" % TICK_MS, "initLimit=50", "syncLimit=10", "dataDir=elsewhere",
                    "clientPort=%d" % self.client_ports[number], "clientPortAddress=127.0.0.1"]
            with open(self.path("conf/zoo%d.cfg" % number), "w") as f:
                f.write("\n".join(keys + lines) + "\n")

        self.program = os.path.join(BIN_DIR, "paddock-server")
        if chosen_server() == "zookeeper":
            self.program = self.path("zookeeper")
            main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
            command = java_command(main, [], [("zookeeper.admin.enableServer", "false")])
            with open(self.program, "w") as f:
                f.write(ZOOKEEPER % shlex.join(command))
            os.chmod(self.program, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        """The exit code, and all that was printed."""
        done = subprocess.run(
            [os.path.join(BIN_DIR, "paddock"), "ensemble", *arguments, "--conf", self.path("conf"),
             "--data", self.path("data"), "--program", self.program, "--wait", "60"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=COMMAND_DEADLINE_S)
        return done.returncode, done.stdout

    def status(self):
        """Of each server: None, if it is down, or its mode and pid."""
        states = {}
        for line in self.run("status")[1].splitlines():
            match = STATUS_LINE.match(line)
            if match:
                number, down, mode, port, pid = match.groups()
                states[int(number)] = None if down else (mode, int(pid))
                assert down or int(port) == self.client_ports[int(number)], line
        return states

    def leader(self):
        leaders = [n for n, state in self.status().items() if state and state[0] == "leader"]
        return leaders[0] if len(leaders) == 1 else None

    def close(self):
        for number in self.numbers:
            self.run("kill", str(number))
        shutil.rmtree(self.folder)


def runs(pid):
    """Whether the process is there, and not just waiting to be forgotten."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class EnsembleTest(unittest.TestCase):
    def setUp(self):
        end_on_sigterm()
        self.ensemble = LocalEnsemble(3)
        self.addCleanup(self.ensemble.close)

    def up(self):
        code, text = self.ensemble.run("up")
        self.assertEqual(code, 0, text)
        return text

    def write(self, number, path):
        """Once there is a leader, through any server."""
        def attempt():
            try:
                client = RawClient(self.ensemble.client_ports[number], 20 * TICK_MS)
            except (OSError, Closed, Refused):
                return False
            try:
                reply = client.call(raw_client.CREATE, raw_client.create(path))
                return reply.error in (raw_client.OK, raw_client.NODE_EXISTS)
            except Closed:
                return False
            finally:
                client.close()
        wait_until(attempt, 60, "%s is created through server %d" % (path, number))

    def test_three_servers_come_up_and_one_of_them_leads(self):
        text = self.up()
        self.assertRegex(text, r"(?m)^server 1 started, pid \d+, log .*/data/1\.log$")
        modes = sorted(mode for mode, _ in self.ensemble.status().values())
        self.assertEqual(modes, ["follower", "follower", "leader"])
        for number in (1, 2, 3):
            self.write(number, "/by-%d" % number)
            with open(self.ensemble.path("data/%d/myid" % number)) as f:
                self.assertEqual(f.read(), "%d\n" % number)
        leader = self.ensemble.leader()
        self.assertIn("Proposal sizes last/min/max: ",
                      four_letter_word(self.ensemble.client_ports[leader], "srvr"))

        code, text = self.ensemble.run("up")
        self.assertEqual(code, 1)
        self.assertIn("all servers are up already", text)

        pids = [pid for _, pid in self.ensemble.status().values()]
        code, text = self.ensemble.run("down")
        self.assertEqual(code, 0, text)
        self.assertEqual(self.ensemble.status(), {1: None, 2: None, 3: None})
        wait_until(lambda: not any(map(runs, pids)), 10, "the processes are gone")

    def test_a_killed_leader_is_replaced_and_comes_back(self):
        self.up()
        old = self.ensemble.leader()
        others = [n for n in (1, 2, 3) if n != old]
        self.write(old, "/before")
        code, text = self.ensemble.run("kill", str(old))
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"^server %d \(pid \d+\) killed\n$" % old)
        self.assertIsNone(self.ensemble.status()[old])
        code, text = self.ensemble.run("kill", str(old))
        self.assertEqual((code, text), (1, "paddock: server %d is not up\n" % old))

        new = wait_until(self.ensemble.leader, 60, "another server leads")
        self.assertIn(new, others)
        self.write(others[0], "/meanwhile")
        code, text = self.ensemble.run("restart", str(old))
        self.assertEqual(code, 0, text)
        self.assertEqual(self.ensemble.status()[old][0], "follower")
        client = RawClient(self.ensemble.client_ports[old], 20 * TICK_MS)
        self.addCleanup(client.close)
        for path in ("/before", "/meanwhile"):
            reply = client.call(raw_client.EXISTS, raw_client.read(path))
            self.assertEqual(reply.error, raw_client.OK, path)

    def test_status_tells_of_one_server_that_it_does_not_serve(self):
        self.up()
        for number in (1, 2):
            self.assertEqual(self.ensemble.run("kill", str(number))[0], 0)
        wait_until(lambda: self.ensemble.status()[3][0] == "not serving", 60,
                   "the last server stops serving")
        code, text = self.ensemble.run("status")
        self.assertEqual(code, 1)
        self.assertTrue(text.endswith("paddock: nobody leads\n"), text)

    def test_a_port_that_is_taken_is_named_and_nothing_is_started(self):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", self.ensemble.client_ports[2]))
            taken.listen()
            code, text = self.ensemble.run("up")
        self.assertEqual(code, 1)
        self.assertIn("server 2: 127.0.0.1:%d, its clientPort, is in use by another process; see "
                      % self.ensemble.client_ports[2], text)
        self.assertEqual(self.ensemble.status(), {1: None, 2: None, 3: None})

    def test_a_server_that_cannot_start_shows_the_end_of_its_log_and_takes_the_others_along(self):
        with open(self.ensemble.path("conf/zoo3.cfg"), "a") as f:
            f.write("tickTime=never\n")
        code, text = self.ensemble.run("up")
        self.assertEqual(code, 1)
        self.assertIn("the end of %s:\n" % self.ensemble.path("data/3.log"), text)
        self.assertIn("never", text)
        self.assertIn("server 3 has ended", text)
        self.assertEqual(self.ensemble.status(), {1: None, 2: None, 3: None})

    def test_a_server_that_there_is_not_is_an_error(self):
        code, text = self.ensemble.run("restart", "4")
        self.assertEqual(code, 1)
        self.assertIn("there is no server '4'", text)
        self.assertIn("there are 1, 2, 3", text)


if __name__ == "__main__":
    unittest.main()
