"""A network of namespaces: one for each server, joined by a bridge, with faults between any two.

    network.enter("what the test would have shown")    # first of all, before there are threads
    network = Network(3)
    network.cut(1, 2)       # what 1 sends does not reach 2
    network.heal()

The test's own process, where the clients are (number 0), moves into a fresh network and mount
namespace, and the bridge and the servers' namespaces are made in there. So names and addresses are
no other test's, and nothing is left behind however the test ends. Root is needed, or user
namespaces that anybody may make.
"""

import contextlib
import os
import subprocess
import sys

SKIPPED = 77  # the exit code that CTest takes for a skip (SKIP_RETURN_CODE)
CLIENTS = 0
_RESET = "-p tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset"  # but let resets through
_INSIDE = "PADDOCK_FAULT_NETWORK"
_PROBE = """
mount -t tmpfs tmpfs /run && ip link set lo up &&
ip link add pdbridge type bridge && ip netns add probe &&
ip link add pdprobe type veth peer name eth0 netns probe &&
echo '*filter
-A INPUT -s 10.77.0.1 -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -s 10.77.0.1 -m statistic --mode random --probability 0.5 -j DROP
-A OUTPUT -j NFQUEUE --queue-num 0 --queue-bypass
COMMIT' | ip netns exec probe iptables-restore
"""


def enter(purpose):
    """Starts this program again in namespaces of its own; ends it as skipped where there are none.

    purpose: what nobody will know when it is skipped.
    """
    if os.environ.get(_INSIDE) == str(os.getpid()):
        subprocess.run("mount -t tmpfs tmpfs /run && ip link set lo up", shell=True, check=True)
        return
    unshare = ["unshare", "--net", "--mount"] + (["--map-root-user"] if os.getuid() else [])
    try:
        probe = subprocess.run([*unshare, "sh", "-c", _PROBE], stdin=subprocess.DEVNULL,
                               capture_output=True, text=True)
        obstacle = probe.stderr.strip() if probe.returncode else None
    except OSError as e:
        obstacle = str(e)
    if obstacle is not None:
        print("SKIPPED, NOT TESTED: %s\nThis machine gives no network namespaces with iptables: %s"
              % (purpose, obstacle), flush=True)
        sys.exit(SKIPPED)
    sys.stdout.flush()
    os.environ[_INSIDE] = str(os.getpid())  # unshare becomes this program: the process is the same
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


def address(number):
    return "10.77.0.%d" % (number or 254)


def namespace(number):
    return "server-%d" % number


def inside(number):
    """What to put before a command so that it runs in the namespace of this server."""
    return [] if number == CLIENTS else ["ip", "netns", "exec", namespace(number)]


class Network:
    """Links among servers 1 to `size` and the clients, each direction with its own faults."""

    def __init__(self, size):
        self.servers = range(1, size + 1)
        self._rules = {n: {} for n in (CLIENTS, *self.servers)}  # by receiver, by sender
        self._delays = {}  # processes, by server
        self._run(["ip", "link", "add", "name", "bridge0", "type", "bridge"])
        self._run(["ip", "address", "add", address(CLIENTS) + "/24", "dev", "bridge0"])
        self._run(["ip", "link", "set", "bridge0", "up"])
        for number in self.servers:
            self._add(number)

    def _add(self, number):
        link, name = "server%d" % number, namespace(number)
        self._run(["ip", "netns", "add", name])
        self._run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0",
                   "netns", name])
        self._run(["ip", "link", "set", link, "master", "bridge0", "up"])
        for command in (["address", "add", address(number) + "/24", "dev", "eth0"],
                        ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
            self._run(["ip", "-n", name, *command])

    def cut(self, sender, receiver):
        """Loses all that `sender` sends to `receiver`."""
        self._set(sender, receiver, "-j DROP")

    def cut_both(self, one, other):
        self.cut(one, other)
        self.cut(other, one)

    def lose(self, sender, receiver, ratio):
        self._set(sender, receiver, "-m statistic --mode random --probability %.3f -j DROP" % ratio)

    def reset(self, one, other):
        """Answers whatever either sends to the other with a reset, for as long as it is so."""
        for sender, receiver in ((one, other), (other, one)):
            self._set(sender, receiver, _RESET)

    def delay(self, server, delay_ms, jitter_ms):
        """Holds back each packet that it sends, to the clients too; later ones may overtake."""
        self._delays[server] = subprocess.Popen(
            [*inside(server), sys.executable,
             os.path.join(os.path.dirname(__file__), "packet_delay.py"),
             str(delay_ms), str(jitter_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ready = self._delays[server].stdout.readline()
        assert ready == b"ready\n", ready
        self._write_rules(server)

    def heal(self):
        for number in self._rules:
            self._rules[number].clear()
            delay = self._delays.pop(number, None)
            self._write_rules(number)
            if delay is not None:
                delay.stdin.close()  # it lets go of what it holds, and ends
                delay.wait()
                delay.stdout.close()

    @contextlib.contextmanager
    def healed_after(self):
        try:
            yield self
        finally:
            self.heal()

    def _set(self, sender, receiver, rules):
        self._rules[receiver][sender] = rules
        self._write_rules(receiver)

    def _write_rules(self, number):
        """Replaces all rules of this namespace at once.

        What is lost is dropped where it arrives: a sender would be told of its own side's rules.
        """
        lines = ["*filter", ":INPUT ACCEPT", ":OUTPUT ACCEPT"]
        for sender, rule in self._rules[number].items():
            lines.append("-A INPUT -s %s %s" % (address(sender), rule))
        if number in self._delays:
            lines.append("-A OUTPUT -o eth0 -j NFQUEUE --queue-num 0 --queue-bypass")
        self._run([*inside(number), "iptables-restore"], "\n".join([*lines, "COMMIT", ""]))

    @staticmethod
    def _run(command, text=""):
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        assert done.returncode == 0, (command, text, done.stderr)
