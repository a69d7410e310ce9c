"""What the body of a webhook event says: only a hint of which object to read at Stripe (C27).

Shapes differ by API version and kind of event; this reads the few members that are the same in all of them,
and never raises. Sources: docs.stripe.com/api/events, docs.stripe.com/event-destinations (thin events).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from billing.domain.parking import Reason

THIN: Final = "v2.core.event"
LONGEST_ID: Final = 120
"""History names the event by its id."""
_ID = re.compile(r"[A-Za-z0-9_]{1,120}")
_TYPE = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+){0,6}")
_LONGEST_TYPE: Final = 100
_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999


class Noun(StrEnum):
    """The object of Stripe's that is read for an event."""

    SESSION = "session"
    INVOICE = "invoice"
    SUBSCRIPTION = "subscription"
    MONEY = "money"
    """A payment intent, or a charge without one."""
    DISPUTE = "dispute"


NOUNS: Final[Mapping[str, Noun]] = {
    "checkout.session.completed": Noun.SESSION,
    "checkout.session.async_payment_succeeded": Noun.SESSION,
    "checkout.session.async_payment_failed": Noun.SESSION,
    "checkout.session.expired": Noun.SESSION,
    "invoice.paid": Noun.INVOICE,
    "invoice.payment_succeeded": Noun.INVOICE,
    "invoice.payment_failed": Noun.INVOICE,
    "customer.subscription.created": Noun.SUBSCRIPTION,
    "customer.subscription.updated": Noun.SUBSCRIPTION,
    "customer.subscription.deleted": Noun.SUBSCRIPTION,
    "customer.subscription.paused": Noun.SUBSCRIPTION,
    "customer.subscription.resumed": Noun.SUBSCRIPTION,
    "charge.refunded": Noun.MONEY,
    "charge.refund.updated": Noun.MONEY,
    "refund.created": Noun.MONEY,
    "refund.updated": Noun.MONEY,
    "refund.failed": Noun.MONEY,
    "charge.dispute.created": Noun.DISPUTE,
    "charge.dispute.updated": Noun.DISPUTE,
    "charge.dispute.closed": Noun.DISPUTE,
    "charge.dispute.funds_withdrawn": Noun.DISPUTE,
    "charge.dispute.funds_reinstated": Noun.DISPUTE,
}
"""Every type that something is done about. A new case is a line here, and a handler for a new noun."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a body tells. `problem` says why it is not understood; the other members may then be empty.

    `object_id` is what to read, safe to stand in an address. `event_id` is never empty: a body that names
    none is known by its hash.
    """

    event_id: str
    type: str = ""
    object_id: str = ""
    created: datetime | None = None
    api_version: str = ""
    account: str = ""
    livemode: bool = False
    problem: Reason | None = None

    @property
    def noun(self) -> Noun | None:
        """What is to be read; None when nothing is done about events of this type."""
        return NOUNS.get(self.type)


def read_event(body: bytes) -> Told:
    """Read a body, whatever it holds. Never raises."""
    unnamed = f"unnamed_{hashlib.sha256(body).hexdigest()[:32]}"
    try:
        event = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return Told(unnamed, problem=Reason.UNREADABLE)
    if not isinstance(event, dict):
        return Told(unnamed, problem=Reason.UNREADABLE)
    event_id = _identifier(event.get("id"))
    thin = event.get("object") == THIN
    kind = _type(event.get("type"), thin=thin)
    account, account_known = _account(event, thin=thin)
    told = Told(
        event_id=event_id or unnamed,
        type=kind,
        object_id=_thin_object(event) if thin else _object(event, NOUNS.get(kind)),
        created=_instant(event.get("created")),
        api_version=_version(event.get("api_version")),
        account=account,
        livemode=event.get("livemode") is True,
    )
    problem = _problem(event, told, named=bool(event_id) and account_known)
    return told if problem is None else _with(told, problem)


def livemode_of(key: str) -> bool | None:
    """Whether a secret key is of live mode; None when it does not say."""
    if key.startswith(("sk_live_", "rk_live_")):
        return True
    return False if key.startswith(("sk_test_", "rk_test_")) else None


def misdirected(*, livemode: bool, account: str, own_account: str, key: str) -> Reason | None:
    """Why an event is not for this merchant: of the other mode, or of another Stripe account."""
    expected = livemode_of(key)
    if expected is not None and livemode is not expected:
        return Reason.LIVEMODE_MISMATCH
    return Reason.FOREIGN_ACCOUNT if account and account != own_account else None


# --- members ------------------------------------------------------------------------------------------


def _problem(event: Mapping[str, Any], told: Told, *, named: bool) -> Reason | None:
    if not named or not told.type:
        return Reason.SHAPE_UNKNOWN
    if told.noun is None:
        return None  # nothing is done about it: its shape is nobody's concern
    if not told.object_id or not isinstance(event.get("livemode"), bool):
        return Reason.SHAPE_UNKNOWN
    return None


def _with(told: Told, problem: Reason) -> Told:
    return Told(
        told.event_id, told.type, told.object_id, told.created, told.api_version, told.account, told.livemode,
        problem,
    )  # fmt: skip


def _identifier(value: Any) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _version(value: Any) -> str:
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else ""


def _type(value: Any, *, thin: bool) -> str:
    """The type; a thin event about an object of the first API says `v1.invoice.paid`."""
    if not isinstance(value, str) or len(value) > _LONGEST_TYPE or not _TYPE.fullmatch(value):
        return ""
    plain = value.removeprefix("v1.")
    return plain if thin and plain in NOUNS else value


def _account(event: Mapping[str, Any], *, thin: bool) -> tuple[str, bool]:
    """The account that the event is of, empty for the endpoint's own; and whether it could be read."""
    value = event.get("context", event.get("account")) if thin else event.get("account")
    if value is None or value == "":
        return "", True
    if not isinstance(value, str):
        return "", False
    account = _identifier(value.rpartition("/")[2])  # an organization writes org_…/acct_…
    return account, bool(account)


def _object(event: Mapping[str, Any], noun: Noun | None) -> str:
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        return ""
    if noun is not Noun.MONEY:
        return _identifier(found.get("id"))
    charge = found.get("id") if found.get("object") == "charge" else found.get("charge")
    return _reference(found.get("payment_intent")) or _reference(charge)


def _thin_object(event: Mapping[str, Any]) -> str:
    related = event.get("related_object")
    return _identifier(related.get("id")) if isinstance(related, dict) else ""


def _reference(value: Any) -> str:
    """The id of another object, which may be written out in full."""
    return _identifier(value.get("id") if isinstance(value, dict) else value)


def _instant(value: Any) -> datetime | None:
    """Seconds since 1970, or the text of a thin event; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND:
        return datetime.fromtimestamp(int(value), UTC)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
