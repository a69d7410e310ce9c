"""The embedded broker: Celery without a server, in one SQLite file on one machine.

Importing this package teaches kombu the address ``signet-sqlite://``. The file's place and the few
knobs are transport options, described in `config.broker.transport`.
"""

from __future__ import annotations

from kombu.transport import TRANSPORT_ALIASES

SCHEME = "signet-sqlite"
URL = f"{SCHEME}://"

TRANSPORT_ALIASES[SCHEME] = "config.broker.transport:Transport"
