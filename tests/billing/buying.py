"""A shop that sells through the stand-in for Stripe: orders, payments, deliveries of events, and the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

ACTOR = "cli:test"
BACK = {"success_url": "https://testserver/thanks", "cancel_url": "https://testserver/shop"}


@dataclass
class Shop:
    """What happens around a purchase. Events are delivered once each, unless a test says otherwise."""

    stripe: Any
    clock: Any
    account: Any
    delivered: int = 0

    @property
    def now(self) -> datetime:
        return self.clock.at

    def order(self, offer: Any, *, account: Any = None, **wish: Any) -> Any:
        """An order of ours with its place to pay at."""
        from billing.services.checkouts import checkout_open
        from billing.services.reservations import Wish

        asked = Wish(lookup_key=offer.lookup_key, **{**BACK, **wish})
        return checkout_open(wish=asked, account=account or self.account, actor=ACTOR, at=self.now)

    def buy(self, offer: Any, **wish: Any) -> Any:
        """Order, pay, and have everything worked on: the payment."""
        from billing.models import Payment

        checkout = self.order(offer, **wish)
        self.stripe.pay(checkout.session_id, email="buyer@acme.example", name="Ada Buyer")
        self.work()
        return Payment.objects.get(reference=checkout.session_id)

    def take_in(self, *types: str) -> int:
        """Have the webhook take what Stripe has to tell; how many events."""
        told = self.stripe.events()
        new, self.delivered = told[self.delivered :], len(told)
        chosen = [event for event in new if not types or event["type"] in types]
        for event in chosen:
            assert self.stripe.deliver(event).status_code == 200
        return len(chosen)

    def sweep(self) -> int:
        """Work on what is due."""
        from billing.services.processing import events_sweep

        return events_sweep(clock=lambda: self.now)

    def work(self) -> None:
        """Take everything in and work on it."""
        self.take_in()
        self.sweep()

    def stand(self, at: datetime) -> None:
        """Hold both clocks, ours and Stripe's, at an instant."""
        self.clock.set(at)
        self.stripe.stand(at)

    def wait(self, **span: float) -> None:
        """Let time go by here and at Stripe."""
        self.stand(self.now + timedelta(**span))


@pytest.fixture
def shop(stripe, clock, customer, signing) -> Shop:
    """A shop whose licenses can be signed, at the fixed instant."""
    from billing.services.inbox import listeners_forget

    listeners_forget()
    return Shop(stripe, clock, customer)


def states() -> dict[str, tuple[str, str]]:
    """State and reason of each event of the inbox by its type; the last of a type."""
    from billing.models import StripeEvent

    rows = StripeEvent.objects.order_by("pk").values_list("type", "state", "reason")
    return {kind: (state, reason) for kind, state, reason in rows}


def kinds(prefix: str = "") -> list[str]:
    """Kinds of the events of our history, in their order."""
    from history.models import Event

    rows = Event.objects.filter(kind__startswith=prefix).order_by("pk")
    return list(rows.values_list("kind", flat=True))
