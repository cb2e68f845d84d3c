"""The exchanges of crates/interop: their messages, and one end that has them."""

import math

from websockets.exceptions import ConnectionClosed


class Message:
    """One message: text or bytes, and in how many pieces it goes."""

    def __init__(self, fields, number):
        self.is_text = "bytes" not in fields and not fields.get("binary", False)
        if "text" in fields:
            unit = fields["text"].replace("{n}", str(number)).encode()
        elif "noise" in fields:
            unit = noise(fields["noise"])
        else:
            unit = bytes.fromhex(fields["bytes"])
        self.payload = unit * fields.get("times", 1)
        self.pieces = fields.get("pieces", 1)

    def cut(self):
        """The payload as it is cut: all pieces but the last are of one size."""
        size = max(1, math.ceil(len(self.payload) / self.pieces))
        starts = [index * size for index in range(self.pieces)]
        return [self.payload[start:end] for start, end in zip(starts, starts[1:] + [None])]


def noise(length):
    """Digits that repeat nothing."""
    state, digits = 1, bytearray()
    for _ in range(length):
        state = (state * 1_103_515_245 + 12_345) & 0xFFFFFFFF
        digits.append(b"0123456789abcdef"[(state >> 16) & 15])
    return bytes(digits)


def messages_of(exchange):
    """The messages of the client, in their order."""
    for fields in exchange.get("messages", []):
        for number in range(fields.get("count", 1)):
            yield Message(fields, number)


class Talk:
    """One end of an exchange, over a connection of `websockets`."""

    def __init__(self, websocket, exchange, role):
        self.websocket = websocket
        self.is_server = role == "server"
        self.messages = list(messages_of(exchange))
        self.close = exchange["close"] if exchange["close"]["by"] == role else None
        self.pongs = []
        self.report = {"same": 0, "wrong": [], "protocol": websocket.subprotocol or ""}

    async def run(self):
        """Sends, receives and closes until the connection has ended; gives the report."""
        try:
            if not self.is_server:
                for message in self.messages:
                    await self.send(message)
            await self.close_in_time()
            while True:
                await self.on_message(await self.websocket.recv())
        except ConnectionClosed:
            await self.websocket.wait_closed()
        code = self.websocket.close_code
        self.report["close"] = [code, self.websocket.close_reason]
        self.report["clean"] = code != 1006
        answered = [name for name, pong in self.pongs if pong.done() and not pong.exception()]
        self.report["pong"] = answered[-1] if answered else None
        return self.report

    async def send(self, message):
        if message.pieces == 1:
            await self.websocket.send(message.payload, text=message.is_text)
        else:
            await self.websocket.send(self.with_pings(message), text=message.is_text)

    async def with_pings(self, message):
        """The pieces of a message; between them, pings are sent."""
        for index, piece in enumerate(message.cut()):
            if index > 0:
                name = str(len(self.pongs) + 1)
                self.pongs.append((name, await self.websocket.ping(name)))
            yield piece

    async def on_message(self, data):
        is_text = isinstance(data, str)
        payload = data.encode() if is_text else data
        same = self.report["same"]
        message = self.messages[same] if same < len(self.messages) else None
        if message is None or message.is_text != is_text or message.payload != payload:
            kind = "text" if is_text else "bytes"
            self.report["wrong"].append(f"{kind} of length {len(payload)}")
            return
        self.report["same"] += 1
        if self.is_server:
            await self.send(message)
        await self.close_in_time()

    async def close_in_time(self):
        if self.close is None or self.report["same"] < len(self.messages):
            return
        if "code" in self.close:
            await self.websocket.close(self.close["code"], self.close.get("reason", ""))
        else:
            # `close` knows no Close without a code.
            self.websocket.protocol.send_close()
            self.websocket.send_data()
