"""A client of stomp.py that another test drives: JSON lines in, JSON lines out.

In:  {"subscribe": TOPIC} or {"send": TOPIC, "headers": {...}, "body": BASE64}
Out: {"done": true} once the server has confirmed, and for each message
     {"topic": TOPIC, "headers": {...}, "body": BASE64}
The address of the server is the only argument. It ends with its input.
"""

import base64
import json
import sys

from client import Client


def write(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Bridge(Client):
    def on_message(self, frame):
        body = base64.b64encode(frame.body or b"").decode()
        write({"topic": frame.headers["destination"], "headers": frame.headers, "body": body})


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    bridge = Bridge((host, int(port)))
    for line in sys.stdin:
        command = json.loads(line)
        if "subscribe" in command:
            bridge.subscribe(command["subscribe"])
        else:
            body = base64.b64decode(command["body"])
            bridge.send(command["send"], body, command["headers"])
        write({"done": True})
    bridge.disconnect()


if __name__ == "__main__":
    main()
