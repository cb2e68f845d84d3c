"""stomp.py and all that the broker has: queues, acknowledgement, transactions, durable subscriptions."""

import time
import unittest
import uuid

from client import SOON_S, Client, WebSocketClient
from program import Program

# As the server has it.
DELIVERIES_MAX = 10


def setUpModule():
    global program
    program = Program()


def tearDownModule():
    status = program.stop()
    if status != 0:
        raise AssertionError(f"the program ended with status {status}")


def fresh(kind):
    return f"{kind}-{uuid.uuid4()}"


class EachVersion:
    """What holds in every version; the classes below name one each."""

    # What stomp.py has for a message that is acknowledged one by one.
    individual = "client-individual"

    def client(self, **options):
        client = self.connect(**options)
        self.addCleanup(lambda: client.connection.is_connected() and client.disconnect())
        return client

    def connect(self, **options):
        return Client(program.stomp, self.version, **options)

    def filled(self, client, queue, count, ack):
        """Subscribes, sends so many messages, which are numbered from 1, and gives them as they came."""
        client.subscribe(queue, ack=ack)
        for number in range(1, count + 1):
            client.send(queue, b"%d" % number, {"note": "kept"})
        return [client.next("MESSAGE") for _ in range(count)]

    def check_left(self, queue, bodies):
        """Another client finds just these in the queue, each delivered before.

        They come once the server has let go of the client that had them; one that left nothing must
        have disconnected.
        """
        client = self.client()
        client.subscribe(queue)
        for body in bodies:
            message = client.next("MESSAGE")
            self.assertEqual((message.body, message.headers.get("redelivered")), (body, "true"))
        client.send(queue, b"the end")
        message = client.next("MESSAGE")
        self.assertEqual((message.body, message.headers.get("redelivered")), (b"the end", None))
        client.disconnect()

    def test_a_queue_gives_each_message_to_one_consumer(self):
        queue, clients = fresh("/queue/competing"), [self.client(), self.client()]
        for client in clients:
            client.frames["MESSAGE"] = clients[0].frames["MESSAGE"]
            client.subscribe(queue)
        for number in range(20):
            clients[0].send(queue, b"%d" % number)
        got = [clients[0].next("MESSAGE").body for _ in range(20)]
        self.assertEqual(sorted(got), sorted(b"%d" % number for number in range(20)))
        for client in clients:
            client.disconnect()
        self.assertTrue(clients[0].frames["MESSAGE"].empty())

    def test_ack_counts_for_all_before_it(self):
        client, queue = self.client(), fresh("/queue/cumulative")
        messages = self.filled(client, queue, 5, "client")
        client.ack(messages[2])
        client.drop()
        self.check_left(queue, [b"4", b"5"])

    def test_two_subscriptions_do_not_touch_each_other(self):
        client, red, blue = self.client(), fresh("/queue/red"), fresh("/queue/blue")
        to_red = self.filled(client, red, 2, "client")
        to_blue = self.filled(client, blue, 2, self.individual)
        client.ack(to_blue[1])
        client.ack(to_red[0])
        client.drop()
        self.check_left(red, [b"2"])
        self.check_left(blue, [] if self.individual == "client" else [b"1"])

    def test_nothing_is_seen_of_a_transaction_before_its_commit(self):
        client, topic = self.client(), fresh("/topic/transaction")
        client.subscribe(topic)
        transaction = client.connection.begin()
        in_transaction = {"transaction": transaction, "receipt": "with-commit"}
        client.connection.send(topic, b"inside", headers=dict(in_transaction))
        client.send(topic, b"outside")
        self.assertEqual(client.next("MESSAGE").body, b"outside")
        self.assertTrue(client.frames["RECEIPT"].empty())
        client.connection.commit(transaction)
        self.assertEqual(client.next("RECEIPT").headers["receipt-id"], "with-commit")
        self.assertEqual(client.next("MESSAGE").body, b"inside")

    def test_nothing_is_left_of_a_transaction_after_its_abort(self):
        client, queue = self.client(), fresh("/queue/aborted")
        [message] = self.filled(client, queue, 1, "client")
        transaction = client.connection.begin()
        client.ack(message, transaction=transaction)
        client.connection.send(queue, b"never", transaction=transaction)
        client.connection.abort(transaction)
        # It is free again, or this would be an error; and so is the name.
        client.connection.begin(transaction)
        client.ack(message, transaction=transaction)
        client.drop()
        self.check_left(queue, [b"1"])

    def test_ack_counts_with_the_commit(self):
        client, queue = self.client(), fresh("/queue/committed")
        messages = self.filled(client, queue, 2, "client")
        transaction = client.connection.begin()
        client.ack(messages[0], transaction=transaction)
        client.connection.commit(transaction, receipt="committed")
        self.assertEqual(client.next("RECEIPT").headers["receipt-id"], "committed")
        client.drop()
        self.check_left(queue, [b"2"])

    def test_a_transaction_that_was_not_begun_is_an_error(self):
        client = self.client()
        client.connection.commit("unknown", receipt="never")
        error = client.next("ERROR")
        self.assertIn("transaction", error.headers["message"].lower())
        self.assertEqual(error.headers["receipt-id"], "never")
        self.assertTrue(client.disconnected.get(timeout=SOON_S))

    def test_a_durable_subscription_outlives_disconnect(self):
        topic, who = fresh("/topic/durable"), {"client-id": fresh("client")}
        named = {"durable-subscription-name": "news"}
        sender, before = self.client(), self.client(headers=who)
        before.subscribe(topic, **named)
        before.disconnect()
        sender.send(topic, b"meanwhile")
        after = self.client(headers=who)
        identity = after.subscribe(topic, **named)
        sender.send(topic, b"afterwards")
        for body in (b"meanwhile", b"afterwards"):
            self.assertEqual(after.next("MESSAGE").body, body)
        after.unsubscribe(topic, identity, **named)
        sender.send(topic, b"to nobody")
        after.subscribe(topic, **named)
        sender.send(topic, b"the end")
        self.assertEqual(after.next("MESSAGE").body, b"the end")

    def test_an_answer_comes_to_a_temporary_queue(self):
        service, temporary = fresh("/queue/service"), "/temp-queue/answers"
        client, server = self.client(), self.client()
        server.subscribe(service)
        client.subscribe(temporary)
        client.send(service, b"question", {"reply-to": temporary})
        server.send(server.next("MESSAGE").headers["reply-to"], b"answer")
        self.assertEqual(client.next("MESSAGE").body, b"answer")

    def test_the_sessions_of_a_user_get_what_is_theirs(self):
        ada, bob = fresh("ada"), fresh("bob")
        clients = [self.client(login=login) for login in (ada, ada, bob)]
        for client in clients:
            client.subscribe("/user/inbox")
        clients[2].send(f"/user/{ada}/inbox", b"for ada")
        clients[0].send(f"/user/{bob}/inbox", b"for bob")
        got = [client.next("MESSAGE").body for client in clients]
        self.assertEqual(got, [b"for ada", b"for ada", b"for bob"])

    def test_wildcards_and_selectors_choose(self):
        client, root = self.client(), fresh("/topic/choice")
        client.subscribe(f"{root}/*/heavy", selector="colour = 'red' AND weight > 9.5")
        for name, colour, weight in (
            ("/a/light", "red", "10"),
            ("/a/heavy", "blue", "10"),
            ("/b/heavy", "red", "9"),
            ("/c/heavy", "red", "10"),
        ):
            client.send(root + name, name.encode(), {"colour": colour, "weight": weight})
        client.send(f"{root}/x/heavy", b"the end", {"colour": "red", "weight": "11"})
        for body in (b"/c/heavy", b"the end"):
            self.assertEqual(client.next("MESSAGE").body, body)

    def test_priority_delay_and_ttl(self):
        client, queue = self.client(), fresh("/queue/when")
        client.send(queue, b"gone", {"ttl": "50"})
        client.send(queue, b"low", {"priority": "1"})
        client.send(queue, b"high", {"priority": "8"})
        client.subscribe(f"{queue}-clock")
        start = time.monotonic()
        client.send(f"{queue}-clock", b"now", {"delay": "300"})
        self.assertEqual(client.next("MESSAGE").body, b"now")
        # A clock in whole milliseconds may read one less.
        self.assertGreater(time.monotonic() - start, 0.298)
        client.subscribe(queue)
        for body in (b"high", b"low"):
            self.assertEqual(client.next("MESSAGE").body, body)
        client.send(queue, b"the end")
        self.assertEqual(client.next("MESSAGE").body, b"the end")


class SinceVersion11(EachVersion):
    """What 1.0 does not have."""

    def test_ack_counts_for_one(self):
        client, queue = self.client(), fresh("/queue/individual")
        messages = self.filled(client, queue, 3, "client-individual")
        client.ack(messages[1])
        client.drop()
        self.check_left(queue, [b"1", b"3"])

    def test_nack_brings_a_message_again(self):
        client, queue = self.client(), fresh("/queue/nack")
        [message] = self.filled(client, queue, 1, "client-individual")
        for count in ("2", "3"):
            client.nack(message)
            message = client.next("MESSAGE")
            self.assertEqual(message.body, b"1")
            names = ("redelivered", "delivery-count", "note")
            got = [message.headers.get(name) for name in names]
            self.assertEqual(got, ["true", count, "kept"])
        client.ack(message)
        client.disconnect()
        self.check_left(queue, [])

    def test_nack_counts_with_the_commit(self):
        client, queue = self.client(), fresh("/queue/nack")
        [message] = self.filled(client, queue, 1, "client-individual")
        transaction = client.connection.begin()
        client.nack(message, transaction=transaction)
        self.assertTrue(client.frames["MESSAGE"].empty())
        client.connection.commit(transaction)
        self.assertEqual(client.next("MESSAGE").headers["redelivered"], "true")

    def test_dead_letters(self):
        for reason, deliveries in (("refused", 1), ("deliveries", DELIVERIES_MAX)):
            client, queue = self.client(), fresh("/queue/dead")
            [message] = self.filled(client, queue, 1, "client-individual")
            if reason == "refused":
                client.nack(message, requeue="false")
            for count in range(1, DELIVERIES_MAX + 1) if reason == "deliveries" else ():
                client.nack(message)
                if count < DELIVERIES_MAX:
                    message = client.next("MESSAGE")
            selector = f"\"dead-letter-origin\" = '{queue}'"
            client.subscribe("/queue/dead-letters", selector=selector)
            letter = client.next("MESSAGE")
            self.assertEqual((letter.body, letter.headers["note"]), (b"1", "kept"))
            self.assertEqual(letter.headers["dead-letter-reason"], reason)
            self.assertEqual(letter.headers["dead-letter-deliveries"], str(deliveries))
            client.disconnect()
            self.check_left(queue, [])


class Version10(EachVersion, unittest.TestCase):
    version = "1.0"
    individual = "client"

    def test_nack_is_an_error(self):
        client, queue = self.client(), fresh("/queue/no-nack")
        [message] = self.filled(client, queue, 1, "client")
        identity = {"message-id": message.headers["message-id"]}
        client.connection.send_frame("NACK", identity)
        error = client.next("ERROR")
        self.assertIn("NACK", error.headers["message"] + error.body.decode())
        self.assertTrue(client.disconnected.get(timeout=SOON_S))
        self.check_left(queue, [b"1"])


class Version11(SinceVersion11, unittest.TestCase):
    version = "1.1"


class Version12(SinceVersion11, unittest.TestCase):
    version = "1.2"


class OverWebSocket(SinceVersion11, unittest.TestCase):
    """The same with stomp.py's adapter for WebSocket, which speaks 1.2."""

    version = "1.2"
    binary = False

    def connect(self, **options):
        return WebSocketClient(program.websocket, binary=self.binary, **options)


class OverBinaryWebSocket(OverWebSocket):
    binary = True


if __name__ == "__main__":
    unittest.main()
