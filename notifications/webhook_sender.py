"""Requests to the addresses of webhook endpoints: what was sent where, and what came of it in words for staff."""

from __future__ import annotations

import http
import time
from collections.abc import Mapping

from config.kit.outgoing import LONGEST_ERROR, SECONDS, NotSent, Resolve, resolve, send
from config.kit.outgoing import Answer as Received
from notifications.domain.webhook_attempts import SUCCESS, Answer

READ_BYTES = 64 * 1024
KEPT_CHARACTERS = 1000
REDIRECTS = range(300, 400)


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    insecure: bool = False,
    resolver: Resolve = resolve,
    seconds: float = SECONDS,
) -> Answer:
    """Send one request and return what came of it; never raises. No transaction may be open meanwhile.

    `insecure`, for development, lets it go to this machine, by plain HTTP, too.
    """
    began = time.monotonic()
    try:
        received = send(
            "POST", url, headers, body, most=READ_BYTES, insecure=insecure, resolver=resolver, seconds=seconds
        )
    except NotSent as error:
        answer = Answer(error=str(error)[:LONGEST_ERROR])
    else:
        answer = _told(received)
    taken = int((time.monotonic() - began) * 1000)
    return Answer(answer.status, answer.error, answer.text, answer.retry_after, taken)


def _told(received: Received) -> Answer:
    return Answer(
        status=received.status,
        error="" if received.status in SUCCESS else _status_words(received.status),
        text=_printable(received.body[: KEPT_CHARACTERS * 4]),
        retry_after=received.headers.get("retry-after", "")[:100],
    )


def _printable(raw: bytes) -> str:
    """Text that a database and a page take."""
    text = raw.decode("utf-8", "replace")
    kept = (c if c.isprintable() or c == "\n" else " " for c in text)
    return "".join(kept)[:KEPT_CHARACTERS]


def _status_words(status: int) -> str:
    if status in REDIRECTS:
        return f"Answered {status}, a redirect, which is not followed."
    try:
        return f"Answered {status} {http.HTTPStatus(status).phrase}."
    except ValueError:
        return f"Answered {status}."
