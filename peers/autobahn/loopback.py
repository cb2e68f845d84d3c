"""Runs the Autobahn Testsuite, under CPython 2.7, with its listeners on loopback only.

The suite itself listens on every interface when it plays the server, and on a port that must be known
before. Here the system chooses a port, and a line "suite URL" on stdout names it; all else that the
suite prints goes to stderr. The reactor must be chosen before it is changed, hence the order of the
imports.
"""

import sys

from autobahntestsuite import choosereactor  # noqa: F401, chooses on import
from twisted.internet import reactor

listen_on = reactor.listenTCP
announcements = sys.stdout
sys.stdout = sys.stderr


def listen_on_loopback(port, factory, backlog=50, interface=""):
    listener = listen_on(0, factory, backlog, "127.0.0.1")
    chosen = listener.getHost().port
    # Over TLS the suite's own factory is wrapped. It refuses a Host of another port than this one.
    suite = getattr(factory, "wrappedFactory", factory)
    suite.externalPort = chosen
    scheme = "wss" if suite.isSecure else "ws"
    announcements.write("suite %s://127.0.0.1:%d\n" % (scheme, chosen))
    announcements.flush()
    return listener


reactor.listenTCP = listen_on_loopback

from autobahntestsuite.wstest import run  # noqa: E402

sys.exit(run())
