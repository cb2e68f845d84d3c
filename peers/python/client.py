"""A connected client of stomp.py whose frames can be awaited."""

import itertools
import queue
import socket
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

    def __init__(self, address, version="1.2", heartbeats=None, login=None, headers=None):
        self.frames = {name: queue.Queue() for name in ("MESSAGE", "RECEIPT", "ERROR")}
        self.connected = queue.Queue()
        self.disconnected = queue.Queue()
        self.beats_sent = queue.Queue()
        self.beats_received = queue.Queue()
        self.missed = queue.Queue()
        self.numbers = itertools.count(1)
        self.version = version
        options = {"auto_decode": False, "reconnect_attempts_max": 1}
        if heartbeats:
            options["heartbeats"] = heartbeats
        self.connection = self._make(address, options)
        self.connection.set_listener("test", self)
        self.connection.connect(login, wait=True, headers=headers)
        self.connect_headers = self.connected.get(timeout=SOON_S)

    def _make(self, address, options):
        return CONNECTIONS[self.version]([address], **options)

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

    def on_heartbeat_timeout(self):
        self.missed.put(True)

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

    def unsubscribe(self, destination=None, identity=None, **headers):
        """Unsubscribes, and returns once the server has confirmed."""
        receipt = self._receipt()
        if self.version == "1.0":
            self.connection.unsubscribe(destination=destination, receipt=receipt, **headers)
        else:
            self.connection.unsubscribe(id=identity, receipt=receipt, **headers)
        self._confirmed(receipt)

    def ack(self, message, **options):
        """Acknowledges, and returns once the server has confirmed."""
        receipt = self._receipt()
        self.connection.ack(*self._names(message), receipt=receipt, **options)
        self._confirmed(receipt)

    def nack(self, message, **options):
        """Refuses a message, and returns once the server has confirmed."""
        receipt = self._receipt()
        self.connection.nack(*self._names(message), receipt=receipt, **options)
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

    def drop(self):
        """Ends the connection without DISCONNECT."""
        self.connection.transport.disconnect_socket()
        self.disconnected.get(timeout=SOON_S)

    def _names(self, message):
        """By what ACK and NACK of this version name a message."""
        if self.version == "1.2":
            return (message.headers["ack"],)
        if self.version == "1.1":
            return (message.headers["message-id"], message.headers["subscription"])
        return (message.headers["message-id"],)

    def _receipt(self):
        return f"receipt-{next(self.numbers)}"

    def _confirmed(self, receipt):
        got = self.next("RECEIPT").headers["receipt-id"]
        if got != receipt:
            raise AssertionError(f"RECEIPT {got}, expected {receipt}")


class WebSocketClient(Client):
    """The same with stomp.py's adapter for WebSocket."""

    def __init__(self, address, binary=False, **options):
        self.binary = binary
        super().__init__(address, **options)

    def _make(self, address, options):
        header = {"Sec-WebSocket-Protocol": "v12.stomp"}
        return stomp.WSConnection(
            [address], ws_path="/ws", header=header, binary_mode=self.binary, **options
        )

    def drop(self):
        # stomp.py closes the socket, which is not the end of it while another thread reads.
        self.connection.transport.socket.sock.shutdown(socket.SHUT_RDWR)
        self.disconnected.get(timeout=SOON_S)
