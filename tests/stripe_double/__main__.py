"""`python -m tests.stripe_double --port 12111 --webhook URL --secret whsec_…`: run the stand-in for Stripe."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.stripe_double.server import Server
from tests.stripe_double.world import World


def main() -> None:
    parser = argparse.ArgumentParser(prog="stripe_double", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--webhook", default="", help="where events are delivered; empty: nowhere")
    parser.add_argument("--secret", default="whsec_double", help="signs what is delivered (%(default)s)")
    parser.add_argument("--state", type=Path, help="file that keeps the state from one run to the next")
    options = parser.parse_args()
    world = World(webhook=options.webhook, secret=options.secret, file=options.state)
    world.load()
    server = Server((options.host, options.port), world)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"The stand-in for Stripe listens on {world.base}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
