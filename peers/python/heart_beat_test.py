"""stomp.py and heart-beats: kept, missed by the server, missed by the client."""

import time
import unittest

from client import SOON_S, Client, WebSocketClient
from program import Program

# What stomp.py promises, and wants, in milliseconds.
BEATS = (1000, 1000)


def setUpModule():
    global program
    program = Program()


def tearDownModule():
    status = program.stop()
    if status != 0:
        raise AssertionError(f"the program ended with status {status}")


class Kept:
    """The same for each way to connect; the classes below name one each."""

    def client(self):
        client = self.connect()
        self.addCleanup(lambda: client.connection.is_connected() and client.disconnect())
        return client

    def test_beats_go_both_ways(self):
        client = self.client()
        sends, wants = map(int, client.connect_headers["heart-beat"].split(","))
        self.assertGreater(min(sends, wants), 0)
        start = time.monotonic()
        for beats in (client.beats_received, client.beats_sent):
            for _ in range(3):
                beats.get(timeout=SOON_S)
        self.assertGreater(time.monotonic() - start, 1.5)
        self.assertTrue(client.disconnected.empty())
        client.send("/topic/beats", b"still here")

    def test_a_client_that_falls_silent_is_told_and_cut_off(self):
        client = self.client()
        self.assertTrue(client.beats_sent.get(timeout=SOON_S))
        start = time.monotonic()
        # Without this, stomp.py never finds that a beat is due.
        client.connection.next_outbound_heartbeat = float("inf")
        error = client.next("ERROR")
        took = time.monotonic() - start
        self.assertEqual(error.headers["message"], "Heart-beat missed")
        self.assertGreater(took, 1)
        self.assertLess(took, 5)
        self.assertTrue(client.disconnected.get(timeout=SOON_S))

    def test_a_server_that_falls_silent_is_noticed(self):
        client = self.client()
        with program.paused():
            start = time.monotonic()
            self.assertTrue(client.missed.get(timeout=SOON_S))
            # stomp.py bears one interval and a half, and looks after each second.
            self.assertLess(time.monotonic() - start, 5)
        self.client().send("/topic/beats", b"there again")


class Version11(Kept, unittest.TestCase):
    def connect(self):
        return Client(program.stomp, "1.1", heartbeats=BEATS)


class Version12(Kept, unittest.TestCase):
    def connect(self):
        return Client(program.stomp, "1.2", heartbeats=BEATS)


class OverWebSocket(Kept, unittest.TestCase):
    def connect(self):
        return WebSocketClient(program.websocket, heartbeats=BEATS)


if __name__ == "__main__":
    unittest.main()
