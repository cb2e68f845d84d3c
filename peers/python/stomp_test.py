"""stomp.py over TCP: what each version of STOMP must do for a client that is no browser."""

import json
import unittest

from client import SOON_S, Client
from program import Program

VERSIONS = ("1.0", "1.1", "1.2")


def setUpModule():
    global program
    program = Program()


def tearDownModule():
    status = program.stop()
    if status != 0:
        raise AssertionError(f"the program ended with status {status}")


class EachVersion:
    """What holds in every version; the classes below name one each."""

    def setUp(self):
        self.topic = f"/topic/{self.id()}"

    def client(self):
        client = Client(program.stomp, self.version)
        self.addCleanup(lambda: client.connection.is_connected() and client.disconnect())
        return client

    def test_connected_tells_the_version(self):
        headers = self.client().connect_headers
        self.assertEqual(headers.get("version"), self.version)

    def test_a_message_reaches_every_subscriber(self):
        sender, receiver = self.client(), self.client()
        identities = [client.subscribe(self.topic) for client in (sender, receiver)]
        sender.send(self.topic, "Grüße 🥾".encode(), {"content-type": "text/plain"})
        for client, identity in zip((sender, receiver), identities):
            message = client.next("MESSAGE")
            self.assertEqual(message.body, "Grüße 🥾".encode())
            self.assertEqual(message.headers["destination"], self.topic)
            self.assertEqual(message.headers["content-type"], "text/plain")
            self.assertTrue(message.headers["message-id"])
            if identity:
                self.assertEqual(message.headers["subscription"], identity)

    def test_topics_are_apart(self):
        client = self.client()
        client.subscribe(f"{self.topic}/red")
        client.send(f"{self.topic}/blue", b"to nobody")
        client.send(f"{self.topic}/red", b"to red")
        self.assertEqual(client.next("MESSAGE").body, b"to red")

    def test_nothing_comes_after_unsubscribe(self):
        client = self.client()
        identity = client.subscribe(f"{self.topic}/quiet")
        client.subscribe(f"{self.topic}/fence")
        client.unsubscribe(f"{self.topic}/quiet", identity)
        client.send(f"{self.topic}/quiet", b"to nobody")
        client.send(f"{self.topic}/fence", b"to the fence")
        self.assertEqual(client.next("MESSAGE").body, b"to the fence")

    def test_bytes_arrive_as_they_were_sent(self):
        everything = bytes(range(256))
        client = self.client()
        client.subscribe(self.topic)
        for body in (everything, b"", everything * 4096):
            client.send(self.topic, body)
            # stomp.py reads an empty body as none.
            self.assertEqual(client.next("MESSAGE").body or b"", body)

    def test_headers_keep_special_characters(self):
        headers = {"word": "Ü世🥾", "colon": "a:b:c"}
        if self.version != "1.0":
            # 1.0 has no escapes, so its headers hold no line feed.
            headers.update({"newline": "one\ntwo", "backslash": "c:\\new\\"})
        if self.version == "1.2":
            headers["carriage-return"] = "one\rtwo"
        client = self.client()
        client.subscribe(self.topic)
        client.send(self.topic, b"x", dict(headers))
        got = client.next("MESSAGE").headers
        self.assertEqual({name: got.get(name) for name in headers}, headers)

    def test_an_unknown_kind_of_destination_is_refused(self):
        client = self.client()
        client.connection.send("/nowhere/x", b"x", headers={"receipt": "never"})
        error = client.next("ERROR")
        text = error.headers["message"] + error.body.decode()
        self.assertIn("/topic/", text)
        self.assertEqual(error.headers["receipt-id"], "never")
        self.assertTrue(client.disconnected.get(timeout=SOON_S))
        self.assertTrue(client.frames["RECEIPT"].empty())

    def test_disconnect_is_confirmed_and_the_connection_ends(self):
        client = self.client()
        client.disconnect()
        self.assertTrue(client.next("RECEIPT").headers["receipt-id"])


class Version10(EachVersion, unittest.TestCase):
    version = "1.0"


class Version11(EachVersion, unittest.TestCase):
    version = "1.1"


class Version12(EachVersion, unittest.TestCase):
    version = "1.2"


class Sessions(unittest.TestCase):
    def client(self, version="1.2"):
        client = Client(program.stomp, version)
        self.addCleanup(lambda: client.connection.is_connected() and client.disconnect())
        return client

    def test_versions_hear_each_other(self):
        topic = f"/topic/{self.id()}"
        clients = {version: self.client(version) for version in VERSIONS}
        for client in clients.values():
            client.subscribe(topic)
        for sender, client in clients.items():
            client.send(topic, sender.encode(), {"note": f"a:b\\c from {sender}"})
            for client in clients.values():
                message = client.next("MESSAGE")
                self.assertEqual(message.body, sender.encode())

    def test_order_is_kept(self):
        client, topic = self.client(), f"/topic/{self.id()}"
        client.subscribe(topic)
        for number in range(500):
            client.connection.send(topic, b"%d" % number)
        got = [client.next("MESSAGE").body for _ in range(500)]
        self.assertEqual(got, [b"%d" % number for number in range(500)])

    def test_the_system_topic_is_read_only(self):
        client = self.client()
        client.subscribe("/topic/$SYS/stats")
        self.assertIsInstance(json.loads(client.next("MESSAGE").body), dict)
        client.connection.send("/topic/$SYS/stats", b"{}", headers={"receipt": "never"})
        self.assertEqual(client.next("ERROR").headers["receipt-id"], "never")
        self.assertTrue(client.disconnected.get(timeout=SOON_S))


if __name__ == "__main__":
    unittest.main()
