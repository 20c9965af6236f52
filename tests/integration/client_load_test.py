"""The clients that test ensembles find what they are there to find: here promises are broken."""

import contextlib
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from client_load import DEADLINE_S, ClientLoad
from ensemble import PADDOCK, Ensemble
from paddock_process import ServerError
from raw_client import RawClient


class ClientLoadFinds(unittest.TestCase):
    @contextlib.contextmanager
    def sabotage(self, found):
        """The block breaks something at rest; then the clients must say so, in these words."""
        with Ensemble([PADDOCK]) as ensemble:
            with self.assertRaisesRegex((AssertionError, ServerError), found):
                with ClientLoad(ensemble) as load:
                    load.progress(90)
                    load.hold()
                    with contextlib.closing(RawClient(ensemble[1].port)) as saboteur:
                        def call(op, record):
                            self.assertEqual(saboteur.call(op, record).error, raw_client.OK)
                        yield load, call
                load.check()

    def wait_for_end_of(self, client):
        """A client that has found something stops."""
        client.join(DEADLINE_S)
        self.assertFalse(client.is_alive())

    def test_nothing_when_all_is_well(self):
        with Ensemble([PADDOCK]) as ensemble:
            with ClientLoad(ensemble) as load:
                load.progress(90)
            load.check()

    def test_a_write_that_is_lost(self):
        with self.sabotage("/load-0 is like no state") as (load, call):
            marks = load.writers[0].writer.acknowledged.marks
            call(raw_client.DELETE, raw_client.delete("/load-0/marks/%d" % marks[0]))

    def test_a_write_that_is_done_twice(self):
        with self.sabotage("/load-0 is like no state") as (load, call):
            value = load.writers[0].writer.acknowledged.register
            call(raw_client.SET_DATA, raw_client.set_data("/load-0/register", b"%d" % value))

    def test_a_read_that_goes_back(self):
        with self.sabotage("/register went from") as (load, call):
            call(raw_client.SET_DATA, raw_client.set_data("/load-0/register", b"0"))
            self.wait_for_end_of(load.readers[0])

    def test_a_sequential_number_that_is_not_the_next_one(self):
        with self.sabotage(r"'/load-0/queue/q-\d+', 'q-\d+'") as (load, call):
            call(raw_client.CREATE, raw_client.create("/load-0/queue/q-",
                                                      flags=raw_client.SEQUENTIAL))
            load.release()
            self.wait_for_end_of(load.writers[0])

    def test_an_ephemeral_node_that_is_gone(self):
        with self.sabotage("/held-0") as (_, call):
            call(raw_client.DELETE, raw_client.delete("/held-0"))

    def test_a_session_that_has_expired(self):
        with self.sabotage("has expired") as (load, call):
            victim = load.readers[0].client
            with contextlib.closing(RawClient(load.ports()[0], 30000, victim.session_id,
                                              victim.password)) as twin:
                self.assertEqual(twin.call(raw_client.CLOSE_SESSION).error, raw_client.OK)
            self.wait_for_end_of(load.readers[0])


if __name__ == "__main__":
    unittest.main()
