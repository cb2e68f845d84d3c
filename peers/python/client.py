"""A connected client of stomp.py whose frames can be awaited."""

import itertools
import queue
import threading

import stomp

# The bound of every wait.
SOON_S = 10

CONNECTIONS = {
    "1.0": stomp.Connection10,
    "1.1": stomp.Connection11,
    "1.2": stomp.Connection12,
}


class Client(stomp.ConnectionListener):
    """One STOMP session over TCP; bodies are bytes both ways.

    stomp.py counts characters for the content-length of a text, so it is given bytes only.
    """

    def __init__(self, address, version="1.2", heartbeats=None):
        self.frames = {name: queue.Queue() for name in ("MESSAGE", "RECEIPT", "ERROR")}
        self.connected = queue.Queue()
        self.disconnected = queue.Queue()
        self.beats_sent = queue.Queue()
        self.beats_received = queue.Queue()
        self.numbers = itertools.count(1)
        self.version = version
        options = {"auto_decode": False, "reconnect_attempts_max": 1}
        if heartbeats:
            options["heartbeats"] = heartbeats
        self.connection = CONNECTIONS[version]([address], **options)
        self.connection.set_listener("test", self)
        self.connection.connect(wait=True)
        self.connect_headers = self.connected.get(timeout=SOON_S)

    # What stomp.py calls.

    def on_connected(self, frame):
        self.connected.put(frame.headers)

    def on_message(self, frame):
        self.frames["MESSAGE"].put(frame)

    def on_receipt(self, frame):
        self.frames["RECEIPT"].put(frame)

    def on_error(self, frame):
        self.frames["ERROR"].put(frame)

    def on_disconnected(self):
        self.disconnected.put(True)

    def on_heartbeat(self):
        self.beats_received.put(True)

    def on_send(self, frame):
        if frame.cmd is None:
            self.beats_sent.put(True)

    # What a test calls.

    def next(self, command):
        """The next frame of this command, waited for."""
        try:
            return self.frames[command].get(timeout=SOON_S)
        except queue.Empty:
            raise AssertionError(f"no {command} within {SOON_S} s") from None

    def subscribe(self, destination, **headers):
        """Subscribes, and returns once the server has confirmed."""
        receipt = self._receipt()
        identity = None if self.version == "1.0" else f"sub-{next(self.numbers)}"
        self.connection.subscribe(destination, id=identity, receipt=receipt, **headers)
        self._confirmed(receipt)
        return identity

    def unsubscribe(self, destination=None, identity=None):
        """Unsubscribes, and returns once the server has confirmed."""
        receipt = self._receipt()
        if self.version == "1.0":
            self.connection.unsubscribe(destination=destination, receipt=receipt)
        else:
            self.connection.unsubscribe(id=identity, receipt=receipt)
        self._confirmed(receipt)

    def send(self, destination, body, headers=None):
        """Sends, and returns once the server has confirmed."""
        receipt = self._receipt()
        self.connection.send(destination, body, headers={**(headers or {}), "receipt": receipt})
        self._confirmed(receipt)

    def disconnect(self):
        """Disconnects in an orderly way: with a receipt."""
        receipt = self._receipt()
        # stomp.py waits for the receipt, and without an end.
        ending = threading.Thread(
            target=self.connection.disconnect, kwargs={"receipt": receipt}, daemon=True
        )
        ending.start()
        ending.join(SOON_S)
        if ending.is_alive():
            raise AssertionError(f"no RECEIPT for DISCONNECT within {SOON_S} s")
        self.disconnected.get(timeout=SOON_S)

    def _receipt(self):
        return f"receipt-{next(self.numbers)}"

    def _confirmed(self, receipt):
        got = self.next("RECEIPT").headers["receipt-id"]
        if got != receipt:
            raise AssertionError(f"RECEIPT {got}, expected {receipt}")
