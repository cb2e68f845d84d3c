"""Python's `websockets` as a peer of `gumboot-interop`, in both roles.

It is told what to do on standard input and answers on standard output, in lines of JSON.
"""

import asyncio
import json
import sys
import traceback

import websockets
from interop import Talk
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

# The largest message, which by default is 1 MiB.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

# Its zlib cannot compress with a window of 8 bits.
NO_SMALL_WINDOW = "no window of 8 bits to compress with"

ABOUT = {
    "name": f"Python websockets {websockets.__version__}",
    "can": ["connect", "serve", "deflate", "offer", "pieces"],
    "cannot": {
        "connect": {
            "a window of 8 bits for the client, as it asks itself": NO_SMALL_WINDOW,
            "a window of 8 bits for the client, as the server asks": NO_SMALL_WINDOW,
        },
        "serve": {
            "a window of 8 bits for the server, as the client asks": NO_SMALL_WINDOW,
            "a window of 8 bits for the server, as it asks itself": NO_SMALL_WINDOW,
        },
    },
}


def options(compression, factory, any_window):
    """The arguments for the compression that an exchange sets."""
    common = {"max_size": MESSAGE_BYTES_MAX, "max_queue": None}
    if compression is None:
        return common
    if compression.get("off"):
        return {**common, "compression": None}
    extension = factory(
        server_no_context_takeover=compression.get("server_no_takeover", False),
        client_no_context_takeover=compression.get("client_no_takeover", False),
        server_max_window_bits=compression.get("server_bits"),
        client_max_window_bits=compression.get("client_bits", any_window),
    )
    return {**common, "compression": None, "extensions": [extension]}


async def run_client(exchange, url):
    compression = options(exchange.get("offer"), ClientPerMessageDeflateFactory, True)
    protocols = exchange.get("protocols")
    async with connect(url, subprotocols=protocols, proxy=None, **compression) as websocket:
        talk = Talk(websocket, exchange, "client")
        extensions = websocket.response.headers.get("Sec-WebSocket-Extensions", "")
        talk.report["extensions"] = extensions
        return await talk.run()


async def run_server(exchange, answer):
    reported = asyncio.get_running_loop().create_future()

    async def handle(websocket):
        try:
            reported.set_result(await Talk(websocket, exchange, "server").run())
        except Exception as error:
            reported.set_exception(error)

    def choose(_, offered):
        return next((name for name in exchange.get("speaks", []) if name in offered), None)

    compression = options(exchange.get("answer"), ServerPerMessageDeflateFactory, None)
    async with serve(handle, "127.0.0.1", 0, select_subprotocol=choose, **compression) as server:
        port = server.sockets[0].getsockname()[1]
        answer({"url": f"ws://127.0.0.1:{port}/"})
        return await reported


def answer(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def main():
    answer({"about": ABOUT})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told = json.loads(line)
        try:
            if "connect" in told:
                answer({"report": await run_client(told["connect"], told["url"])})
            else:
                answer({"report": await run_server(told["serve"], answer)})
        except Exception:
            answer({"error": traceback.format_exc()})


if __name__ == "__main__":
    asyncio.run(main())
