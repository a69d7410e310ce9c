"""Drives the stand-in for Stripe from a test: `stripe.pay(…)`, `stripe.deliver(…)`, `stripe.fail_next(…)`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.stripe_double.hooks import signature
from tests.stripe_double.store import API_VERSION

KEY = "sk_test_double"
SECRET = "whsec_double"
WEBHOOK = "/api/v1/stripe/webhook"
ROOT = Path(__file__).parents[2]
SECONDS = 30


class Refusal(Exception):
    """The double would not do what a test asked for."""


def start(*options: str) -> tuple[subprocess.Popen[str], str]:
    """Start a double on a free port of this machine; the process and its address."""
    command = [sys.executable, "-m", "tests.stripe_double", "--secret", SECRET, *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise Refusal(f"The double ended with status {process.wait()}.")
    return process, line.split()[-1]


class Stripe:
    """What tests make buyers, banks and the network do. Objects and events are as Stripe gives them.

    `events()` gives what happened since `reset`; nothing is delivered by itself unless `deliver_to` was called.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self.secret = SECRET

    def control(self, name: str, /, **given: Any) -> Any:
        """One command of `tests/stripe_double/control.py`."""
        request = Request(f"{self.base}/_control/{name}", json.dumps(given).encode())
        try:
            with urlopen(request, timeout=600) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise Refusal(error.read().decode()) from error

    # --- buyers and banks -------------------------------------------------------------------------

    def pay(self, session_id: str, *, email: str = "", name: str = "", how: str = "card") -> Any:
        """Pay a session by `card`, have the card `declined`, or promise the money (`bank`); the session."""
        return self.control("pay", session=session_id, email=email, name=name, how=how)

    def money_arrives(self, session_id: str, *, arrives: bool = True) -> Any:
        """The end of a payment by bank."""
        return self.control("money-arrives", session=session_id, arrives=arrives)

    def expire(self, session_id: str) -> Any:
        return self.control("expire", session=session_id)

    def advance(self, subscription_id: str, *, declined: bool = False) -> Any:
        """The next cycle of a subscription; its invoice. One that is to end with its cycle ends: itself."""
        return self.control("advance", subscription=subscription_id, declined=declined)

    def pay_invoice(self, invoice_id: str) -> Any:
        return self.control("pay-invoice", invoice=invoice_id)

    def cancel(self, subscription_id: str, *, now: bool = False) -> Any:
        return self.control("cancel", subscription=subscription_id, now=now)

    def refund(self, paid_id: str, *, amount: int | None = None) -> Any:
        """Refund a payment intent or charge, all that is left unless an amount is given."""
        part = {} if amount is None else {"amount": amount}
        return self.control("refund", **self._paid(paid_id), **part)

    def dispute(self, paid_id: str, *, status: str = "needs_response") -> Any:
        """A dispute over a payment intent or charge; with `warning_needs_response` an inquiry."""
        return self.control("dispute", **self._paid(paid_id), status=status)

    def close_dispute(self, dispute_id: str, status: str) -> Any:
        """`won`, `lost` or `warning_closed`."""
        return self.control("close-dispute", dispute=dispute_id, status=status)

    def _paid(self, paid_id: str) -> dict[str, str]:
        return {"payment_intent" if paid_id.startswith("pi_") else "charge": paid_id}

    # --- objects and events -----------------------------------------------------------------------

    def objects(self, kind: str) -> list[Any]:
        """All of a kind, as `checkout.session`, the oldest first."""
        return list(self.control("objects", kind=kind))

    def events(self, type_: str = "", *, of: str = "", version: str = API_VERSION) -> list[Any]:
        """Events in their order, of one type or about one object if named, as an API version shapes them.

        `version` is one of `shapes.VERSIONS`, or `thin`.
        """
        return list(self.control("events", type=type_ or None, object=of or None, version=version))

    def requests(self, path: str = "") -> list[Any]:
        """What the product asked: method, path, params, key."""
        return list(self.control("requests", path=path))

    def signed(self, event: Any, *, at: datetime | None = None, secret: str = "") -> tuple[bytes, str]:
        """The body of an event, or bytes as they are, and the header that signs them."""
        from config.kit.clock import now

        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return body, signature(body, secret or self.secret, int((at or now()).timestamp()))

    def deliver(
        self,
        event: Any,
        *,
        path: str = WEBHOOK,
        at: datetime | None = None,
        secret: str = "",
        header: str = "",
    ) -> Any:
        """Post one event to the webhook through Django's test client; the response."""
        from django.test import Client

        body, signed = self.signed(event, at=at, secret=secret)
        client = Client(raise_request_exception=False)
        headers = {"Stripe-Signature": header or signed}
        return client.post(path, body, content_type="application/json", headers=headers)

    def deliver_all(self, *types: str, **how: Any) -> list[Any]:
        """Deliver every event so far, of these types if any are named, in its order; the responses."""
        return [self.deliver(event, **how) for event in self.events() if not types or event["type"] in types]

    # --- the world ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything; the clock is the real one again, and nothing is delivered."""
        self.control("reset")
        self.control("webhook", url="", secret=self.secret)

    def stand(self, at: datetime) -> None:
        """Hold the double's clock at an instant."""
        self.control("clock", at=int(at.timestamp()))

    def fail_next(self, path: str = "/v1/", status: int = 500, *, times: int = 1, **more: Any) -> None:
        """Fail the next requests whose path contains `path`. Status 0 hangs up.

        `after=True` does the work first and loses the answer; `html=True` answers as a proxy would;
        `seconds` waits before; `method` narrows it.
        """
        self.control("fail", path=path, status=status, times=times, **more)

    def deliver_to(self, url: str, *, secret: str = "") -> None:
        """From now on deliver events by HTTP, with retries, as Stripe does."""
        self.control("webhook", url=url, secret=secret or self.secret)

    def storm(self, **how: Any) -> Any:
        """Deliver everything so far many times over, shuffled: see `control.storm`."""
        return self.control("storm", **how)
