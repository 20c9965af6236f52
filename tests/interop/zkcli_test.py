"""ZooKeeper's command line client prints with Paddock what it printed with ZooKeeper 3.8.0.

zkcli/session.txt holds the commands, each behind "> ", and below each what it printed; at its end
stand the watch events, which arrive between other lines. `SERVER=zookeeper zkcli_test.py --record`
writes it anew.
"""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
from paddock_process import SOURCE_DIR, ServerProcess, java_command

SESSION = os.path.join(SOURCE_DIR, "tests/interop/zkcli/session.txt")
EVENTS = "events"
END_OF_COMMAND = "/end-of-command"  # to stat a node that is not there prints one line
CONFIG = {"tickTime": 2000, "extendedTypesEnabled": "true", "enforceQuota": "true"}

MASKS = (
    (r"^(ctime|mtime) = .*", r"\1 = TIME"),
    (r"^(ZooKeeper CLI version: ).*", r"\1VERSION"),
    (r"^(ephemeralOwner = )0x[1-9a-f][0-9a-f]*$", r"\1SESSION"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
)


def read_commands():
    with open(SESSION) as f:
        return [line[2:].rstrip("\n") for line in f if line.startswith("> ")]


def run_cli(commands):
    """What zkCli printed: one list of lines for each command, and the list of watch events."""
    with ServerProcess(CONFIG) as server:
        typed = []
        for command in commands:
            typed += [command.replace("ADDRESS", server.address), "stat " + END_OF_COMMAND]
        result = subprocess.run(
            java_command("org.apache.zookeeper.ZooKeeperMain",
                         ["-server", server.address, "-waitforconnection"], log_level="OFF"),
            input="\n".join([*typed, "quit", ""]), text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    outputs, events = [[]], []
    for line in result.stdout.splitlines():
        # Some messages of the client do not end their line.
        head, found, _ = line.partition("Node does not exist: " + END_OF_COMMAND)
        if head.startswith("WatchedEvent"):
            events.append(head)
        elif head and head != "WATCHER::":
            outputs[-1].append(masked(head))
        if found:
            outputs.append([])
    return [unordered(*output) for output in zip(commands, outputs)], events


def unordered(command, output):
    """whoami promises no order of its identities."""
    return sorted(output) if command == "whoami" else output


def masked(line):
    for pattern, replacement in MASKS:
        line = re.sub(pattern, replacement, line)
    if line.startswith("[/"):  # getEphemerals promises no order
        line = "[%s]" % ", ".join(sorted(line[1:-1].split(", ")))
    return line


def to_text(commands, outputs, events):
    blocks = [["> " + command, *output] for command, output in zip(commands, outputs)]
    return "\n\n".join("\n".join(block) for block in [*blocks, ["> " + EVENTS, *events]]) + "\n"


class ZkCli(unittest.TestCase):
    maxDiff = None

    def test_prints_what_it_prints_with_zookeeper(self):
        with open(SESSION) as f:
            recorded = f.read()
        commands = read_commands()[:-1]
        outputs, events = run_cli(commands)
        self.assertEqual(to_text(commands, outputs, events), recorded)


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        to_run = [command for command in read_commands() if command != EVENTS]
        text = to_text(to_run, *run_cli(to_run))
        with open(SESSION, "w") as file:
            file.write(text)
    else:
        unittest.main()
