"""The network of the fault tests: each fault does what its name says, and heals."""

import json
import socket
import subprocess
import sys
import unittest

import network
from network import CLIENTS, Network

PORT = 4000
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", %d))
t = socket.create_server(("", %d), backlog=5)
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(100)
    s.sendto(data, peer)
""" % (PORT, PORT)
# Sends datagrams, prints how many came back and the shortest time it took.
ASK = """
import json, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[3]))
times = []
for i in range(int(sys.argv[2])):
    begin = time.monotonic()
    s.sendto(b"%%d" %% i, (sys.argv[1], %d))
    try:
        while s.recv(100) != b"%%d" %% i:
            pass
        times.append(time.monotonic() - begin)
    except TimeoutError:
        pass
print(json.dumps([len(times), min(times, default=None)]))
""" % PORT


class NetworkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = Network(3)
        cls.echoes = []
        for server in cls.network.servers:
            echo = subprocess.Popen([*network.inside(server), sys.executable, "-c", ECHO],
                                    stdout=subprocess.PIPE, text=True)
            cls.echoes.append(echo)
            assert echo.stdout.readline() == "ready\n"

    @classmethod
    def tearDownClass(cls):
        for echo in cls.echoes:
            echo.kill()
            echo.wait()
            echo.stdout.close()

    def ask(self, asker, asked, count=1, wait_s=0.2):
        done = subprocess.run(
            [*network.inside(asker), sys.executable, "-c", ASK, network.address(asked), str(count),
             str(wait_s)],
            stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def answers(self, asker, asked):
        return self.ask(asker, asked)[0] == 1

    def test_all_reach_all_until_one_direction_is_cut(self):
        with self.network.healed_after():
            for asker in (CLIENTS, 1, 2, 3):
                for asked in self.network.servers:
                    self.assertTrue(self.answers(asker, asked), (asker, asked))
            self.network.cut(1, 2)
            self.assertFalse(self.answers(1, 2))
            self.assertFalse(self.answers(2, 1), "its answer is lost")
            self.assertTrue(self.answers(1, 3))
            self.assertTrue(self.answers(CLIENTS, 2))
        self.assertTrue(self.answers(1, 2))

    def test_clients_are_cut_off_like_servers(self):
        for sender, receiver in ((CLIENTS, 1), (1, CLIENTS)):
            with self.network.healed_after():
                self.network.cut(sender, receiver)
                self.assertFalse(self.answers(CLIENTS, 1))
                self.assertTrue(self.answers(CLIENTS, 2))
        self.assertTrue(self.answers(CLIENTS, 1))

    def test_some_packets_are_lost(self):
        with self.network.healed_after():
            self.network.lose(1, 2, 0.5)
            answered, _ = self.ask(1, 2, 60, 0.02)
            self.assertTrue(10 < answered < 50, answered)

    def test_packets_are_delayed_and_none_is_lost(self):
        with self.network.healed_after():
            self.network.delay(1, 60, 20)
            answered, shortest_s = self.ask(1, 2, 10, 5)
            self.assertEqual(answered, 10)
            self.assertGreaterEqual(shortest_s, 0.040)
            answered, shortest_s = self.ask(2, 1, 3, 5)
            self.assertEqual(answered, 3)
            self.assertGreaterEqual(shortest_s, 0.040)
            self.assertLess(self.ask(3, 2, 3, 5)[1], 0.040)
        self.assertLess(self.ask(1, 2, 10, 5)[1], 0.040)

    def test_connections_are_reset(self):
        with socket.create_connection((network.address(1), PORT), 5) as connection:
            with self.network.healed_after():
                self.network.reset(CLIENTS, 1)
                with self.assertRaises(ConnectionResetError):
                    for _ in range(100):
                        connection.send(b"x")
                        connection.settimeout(0.05)
                        try:
                            connection.recv(1)
                        except TimeoutError:
                            pass


if __name__ == "__main__":
    network.enter("that the faults of the fault tests' network are what they say")
    unittest.main()
