"""Webhooks: signed, delivered by threads of their own, tried again until they are taken."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.stripe_double.store import Shape

BACKOFF = (1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800, 3600)
TIMEOUT = 20
WORKERS = 4


def signature(payload: bytes, secret: str, at: int) -> str:
    """A `Stripe-Signature` header, of an own making so that ours and theirs are compared."""
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(url: str, payload: bytes, header: str) -> int:
    """Deliver once; the status, 0 when there was no answer."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header}
    headers["User-Agent"] = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    try:
        connection.request("POST", parts.path or "/", payload, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


@dataclass(order=True)
class Job:
    """One event on its way to one address."""

    due: float
    number: int
    event: str = field(compare=False)
    payload: bytes = field(compare=False)
    url: str = field(compare=False)
    secret: str = field(compare=False)
    attempt: int = field(default=0, compare=False)


class Courier:
    """Delivers in the background. `log` holds every attempt."""

    def __init__(self) -> None:
        self.log: list[Shape] = []
        self._jobs: list[Job] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._busy = 0
        for _ in range(WORKERS):
            threading.Thread(target=self._work, daemon=True).start()

    def send(self, event: str, body: Shape, url: str, secret: str) -> None:
        payload = json.dumps(body, indent=2).encode()
        with self._wake:
            heapq.heappush(
                self._jobs, Job(time.monotonic(), next(self._numbers), event, payload, url, secret)
            )
            self._wake.notify()

    def forget(self) -> None:
        with self._wake:
            self._jobs.clear()
            self.log.clear()

    def waiting(self) -> int:
        """How many deliveries have not ended, those on their way among them."""
        with self._wake:
            return len(self._jobs) + self._busy

    def _work(self) -> None:
        while True:
            job = self._next()
            status = post(job.url, job.payload, signature(job.payload, job.secret, int(time.time())))
            with self._wake:
                self.log.append(
                    {"event": job.event, "url": job.url, "status": status, "attempt": job.attempt}
                )
                self._busy -= 1
                if not 200 <= status < 300 and job.attempt < len(BACKOFF):
                    job.due = time.monotonic() + BACKOFF[job.attempt]
                    job.attempt += 1
                    heapq.heappush(self._jobs, job)
                self._wake.notify()

    def _next(self) -> Job:
        with self._wake:
            while True:
                now = time.monotonic()
                if self._jobs and self._jobs[0].due <= now:
                    self._busy += 1
                    return heapq.heappop(self._jobs)
                self._wake.wait(self._jobs[0].due - now if self._jobs else None)
