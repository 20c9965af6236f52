"""docs/migration.md, block by block: three ZooKeeper servers become Paddock servers and go back.

Clients write throughout, and no session may expire. The commands are those of the document; in the
place of systemctl is a function that asks this test to start or stop the server.
"""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
from client_load import ClientLoad
from ensemble import DEADLINE_S, PADDOCK, ZOOKEEPER, Ensemble
from paddock_process import BIN_DIR, SOURCE_DIR, chosen_server

DOCUMENT = os.path.join(SOURCE_DIR, "docs/migration.md")
VOTERS = 3

# File descriptor 3 takes "start UNIT" or "stop UNIT"; the answer is read from 4.
SYSTEMCTL = """
systemctl() { echo "$*" >&3 && read -r answer <&4 && [ "$answer" = done ]; }
"""
NO_EXPORT = "paddock() { :; }\n"  # ZooKeeper itself is tested, and has its snapshot


def command_blocks():
    """The document's commands by the name in the comment above them."""
    with open(DOCUMENT) as f:
        return dict(re.findall(r"^```bash\n# ([^\n]*)\n(.*?)^```$", f.read(), re.M | re.S))


class Machine:
    """Where one server runs, as the commands of the document see it."""

    def __init__(self, ensemble, member):
        self._member = member
        self._settings = 'MEMBERS="%s"\nDATA="%s"\nPATH="%s:$PATH"\n' % (
            " ".join("127.0.0.1/%d" % m.port for m in ensemble), member.data_dir, BIN_DIR)

    def run(self, *blocks):
        request, request_end = os.pipe()
        answer_end, answer = os.pipe()
        script = "set -eu\n" + self._settings + SYSTEMCTL + "".join(blocks)
        if chosen_server() == "zookeeper":
            script = NO_EXPORT + script
        shell = subprocess.Popen(
            ["bash", "-c", 'exec 3>&%d 4<&%d; eval "$0"' % (request_end, answer_end), script],
            pass_fds=(request_end, answer_end), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        os.close(request_end)
        os.close(answer_end)
        try:
            with open(request) as requests, open(answer, "w") as answers:
                for line in requests:
                    self._systemctl(*line.split())
                    print("done", file=answers, flush=True)
            output, _ = shell.communicate(timeout=DEADLINE_S)
        finally:
            shell.kill()
            shell.wait()
        assert shell.returncode == 0, output
        return output

    def _systemctl(self, verb, unit):
        kind = {"zookeeper": ZOOKEEPER, "paddock": PADDOCK}[unit]
        if verb == "start":
            self._member.become(kind)
            self._member.spawn()
        else:
            assert verb == "stop" and self._member.runs_as(kind), (verb, unit)
            self._member.stop()


class Migration(unittest.TestCase):
    def setUp(self):
        self.blocks = command_blocks()

    def test_the_document_has_the_blocks_that_are_run_here(self):
        self.assertEqual(set(self.blocks), {"settings", "helpers", "to Paddock", "to ZooKeeper"})

    def test_three_servers_go_to_paddock_and_back_and_no_session_expires(self):
        with Ensemble([ZOOKEEPER] * VOTERS) as ensemble:
            with ClientLoad(ensemble) as load:
                load.progress()
                self.migrate(ensemble, load, "to Paddock", PADDOCK)
                self.migrate(ensemble, load, "to ZooKeeper", ZOOKEEPER)
            load.check()
            print(load.report())

    def migrate(self, ensemble, load, block, kind):
        leader = ensemble.wait_for_leader()
        for member in (*ensemble.others(leader), leader):
            shown = Machine(ensemble, member).run(self.blocks["helpers"], self.blocks[block])
            self.assertEqual(len(re.findall(r"Mode: (?:leader|follower)", shown)), VOTERS, shown)
            self.assertTrue(member.runs_as(kind))
            load.progress()
        load.hold()
        ensemble.check_same_everywhere()
        load.release()
        load.progress()


if __name__ == "__main__":
    unittest.main()
