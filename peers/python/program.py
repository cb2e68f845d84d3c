"""The program under test as a child process: started, its addresses read, and ended."""

import contextlib
import os
import pathlib
import queue
import signal
import subprocess
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = os.environ.get("GUMBOOT_PROGRAM", str(ROOT / "target/release/gumboot"))

# How long the program may take to listen, and from SIGTERM to its end.
START_S = 10
STOP_S = 5


class Program:
    """`gumboot serve` on free ports; `addresses` has each by the first word of its line."""

    def __init__(self, *options):
        ports = ["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"]
        self.child = subprocess.Popen(
            [PATH, "serve", *ports, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.addresses = {}
        try:
            self._wait_for("stomp")
        except Exception:
            self.kill()
            raise

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.split())
        self.lines.put(None)

    def _wait_for(self, word):
        while word not in self.addresses:
            words = self.lines.get(timeout=START_S)
            if words is None:
                raise RuntimeError(f"the program ended before it printed '{word}'")
            if len(words) > 1:
                self.addresses[words[0]] = words[1]

    @property
    def stomp(self):
        """Host and port of STOMP over TCP."""
        host, port = self.addresses["stomp"].rsplit(":", 1)
        return host, int(port)

    @property
    def websocket(self):
        """Host and port of STOMP over WebSocket."""
        address = urllib.parse.urlsplit(self.addresses["websocket"])
        return address.hostname, address.port

    @contextlib.contextmanager
    def paused(self):
        """Lets the program do nothing for a while."""
        self.child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.child.send_signal(signal.SIGCONT)

    def stop(self):
        """Asks the program to end, as an operator would; gives its status."""
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(STOP_S)
        finally:
            self.kill()

    def kill(self):
        """Ends the program if it still runs."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
