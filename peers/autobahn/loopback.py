"""Runs the Autobahn Testsuite, under CPython 2.7, with its listeners on loopback only.

The suite itself listens on every interface when it plays the server. The reactor must be chosen
before it is changed, hence the order of the imports.
"""

import sys

from autobahntestsuite import choosereactor  # noqa: F401, chooses on import
from twisted.internet import reactor

listen_on = reactor.listenTCP


def listen_on_loopback(port, factory, backlog=50, interface=""):
    return listen_on(port, factory, backlog, interface or "127.0.0.1")


reactor.listenTCP = listen_on_loopback

from autobahntestsuite.wstest import run  # noqa: E402

sys.exit(run())
