"""Stripe's webhooks over HTTP against the floor views, from a paid session to its license, and prices.

Events are signed anew for each load, for a signature holds five minutes. The server has no worker: what is
measured is taking events in. Working on them is measured apart, against the stand-in for Stripe.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.test import Client

from accounts.models import Account
from billing.api.webhook import PATH
from billing.domain.prices import OfferTerms, TierTerms, quote
from billing.models import Offer, StripeEvent
from billing.services.checkouts import checkout_open
from billing.services.offers import offer_create
from billing.services.processing import event_process
from billing.services.reservations import Wish
from config.kit import clock
from history.services import reader_run, sequence
from licenses.models import License, Plan
from licenses.services.issuing import license_grant
from notifications.models import Message
from notifications.services import buyer_mail
from tests.bench import billing_floor, floor, office
from tests.bench.harness import Result, compare, rate
from tests.bench.serving import Call, server
from tests.stripe_double import driver
from tests.stripe_double.hooks import signature

SECRET = "whsec_bench"
EVENTS = 9_000
"""Of one load: more than are taken in while it lasts."""
SHORT: dict[str, int] = {"rounds": 3}
PURCHASES = 60
PAID = "checkout.session.completed"
_numbers = count(1)


def workloads() -> Iterator[Result]:
    with office.own_database("billing"), tempfile.TemporaryDirectory() as folder:
        with connection.cursor() as cursor:
            cursor.execute(billing_floor.TABLE)
        new, known = _Events(Path(folder) / "new", fresh=True), _Events(Path(folder) / "known", fresh=False)
        rows = Call(billing_floor.INSERT, _body("evt_floor"))
        empty = Call(floor.EMPTY, _body("evt_floor"))
        with server(SIGNET_STRIPE_WEBHOOK_SECRETS=SECRET) as web:
            yield web.compare("webhook, new", new, rows, "view, one insert", 0.5, **SHORT)
            yield web.compare("webhook, new", new, empty, "empty view", None, **SHORT)
            yield web.compare("webhook, duplicate", known, new, "webhook, new", 1.0, **SHORT)
        yield from _purchases()
    yield _prices()


def _body(event_id: str) -> str:
    """An event of two kilobytes."""
    lines = [{"id": f"il_{n}", "amount": 9_900, "currency": "eur", "quantity": 1} for n in range(20)]
    invoice = {"id": "in_1", "object": "invoice", "status": "paid", "lines": {"data": lines}}
    event = {
        "id": event_id,
        "object": "event",
        "type": "invoice.paid",
        "livemode": False,
        "created": 1_772_443_800,
    }
    return json.dumps({**event, "api_version": "2026-10-28.endive", "data": {"object": invoice}})


@dataclass(frozen=True)
class _Events:
    """Signed events, written down anew for each load: never seen before, or the same ones again."""

    file: Path
    fresh: bool
    path: str = PATH

    @property
    def script(self) -> str:
        at, load = int(time.time()), next(_numbers) if self.fresh else 0
        bodies = [_body(f"evt_{load}_{number}") for number in range(EVENTS if self.fresh else 100)]
        lines = (f"{signature(body.encode(), SECRET, at)}\t{body}\n" for body in bodies)
        self.file.write_text("".join(lines), encoding="ascii")
        return f"""
            local calls, turn = {{}}, 0
            for line in io.lines({json.dumps(str(self.file))}) do
                local signed, body = line:match("^(.-)\\t(.*)$")
                calls[#calls + 1] = {{signed, body}}
            end
            request = function()
                turn = turn + 1
                local call = calls[(turn - 1) % #calls + 1]
                return wrk.format("POST", nil, {{
                    ["Content-Type"] = "application/json", ["Stripe-Signature"] = call[1]
                }}, call[2])
            end
        """


# --- from a paid session to its license ---------------------------------------------------------------


def _purchases() -> Iterator[Result]:
    process, base = driver.start()
    before = settings.STRIPE_API_BASE, settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRETS
    settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = base, driver.KEY
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
    try:
        plan = Plan.objects.select_related("product").order_by("pk")[0]
        at = clock.now()
        offer = offer_create(
            slug="bench",
            name="Bench",
            plan=plan,
            type="one_off",
            amount_minor=9_900,
            actor=office.ACTOR,
            at=at,
        )
        stripe = driver.Stripe(base)
        yield compare(
            "purchase to license",
            lambda: _settling(stripe, offer),
            lambda: rate(lambda: _granting(plan)),
            other_name="create and sign",
            unit="licenses/s",
            rounds=3,
        )
    finally:
        settings.STRIPE_API_BASE, settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRETS = before
        process.terminate()
        process.wait()


def _settling(stripe: driver.Stripe, offer: Offer) -> float:
    """Licenses a second, from the request that tells of the payment to the signed license and the buyer's mail in
    the log: verified and stored, read from Stripe, settled, signed, told. Ordering and paying is not counted.
    """
    account, browser, at = Account.objects.get(slug="acme"), Client(HTTP_HOST="localhost"), clock.now()
    before = len(stripe.events(PAID))
    for _ in range(PURCHASES):
        wish = Wish(lookup_key=offer.lookup_key)
        stripe.pay(checkout_open(wish=wish, account=account, actor=office.ACTOR, at=at).session_id)
    bodies = [json.dumps(event).encode() for event in stripe.events(PAID)[before:]]
    _mail_is_made()
    had, mails, last = License.objects.count(), Message.objects.count(), _newest_event()
    started = time.perf_counter()
    for body in bodies:
        signed = {"stripe-signature": signature(body, SECRET, int(time.time()))}
        answer = browser.post(PATH, body, content_type="application/json", headers=signed)
        if answer.status_code != HTTPStatus.OK:
            raise SystemExit(f"The webhook answered {answer.status_code}")
    for pk in StripeEvent.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True):
        event_process(pk=pk, at=clock.now())
    _mail_is_made()
    made = License.objects.count() - had
    if made != PURCHASES or Message.objects.count() - mails != PURCHASES:
        raise SystemExit(f"{made} licenses of {PURCHASES} purchases")
    return made / (time.perf_counter() - started)


def _newest_event() -> int:
    return StripeEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _mail_is_made() -> None:
    sequence(at=clock.now())
    while reader_run(buyer_mail.READER, at=clock.now(), limit=1_000):
        pass


def _granting(plan: Plan) -> Model:
    return license_grant(
        account=Account.objects.get(slug="acme"),
        plan=plan,
        origin="staff",
        channel="bulk",
        actor=office.ACTOR,
        at=clock.now(),
    ).license


# --- prices -------------------------------------------------------------------------------------------


def _prices() -> Result:
    """Five steps with a factor: a quote with its lines, and the bare arithmetic."""
    steps = [(10, "1"), (50, "0.9"), (100, "0.8"), (500, "0.7"), (None, "0.6")]
    tiers: Any = tuple(TierTerms(up_to, factor=Decimal(factor), per_unit=True) for up_to, factor in steps)
    offer = OfferTerms(pricing="tiered", currency="eur", amount_minor=990, tiers=tiers, name="Bench")
    return compare(
        "quote a price",
        lambda: rate(lambda: quote(offer, managed_products=250)),
        lambda: rate(lambda: int((Decimal(990) * Decimal("0.7")).quantize(Decimal(1))) * 250),
        other_name="bare arithmetic",
        unit="quotes/s",
        rounds=3,
    )
