"""Mail to buyers: the license with its receipt, money that went back or did not come, the end of a subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notifications.mail_templates.kinds import MailTemplate
from notifications.models import Stream

_KEY = ".".join(
    ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImRlbW8i", "c2FtcGxlLW9ubHktdGhpcy1pcy1uby1saWNlbnNl" * 9, "c2ln" * 80)
)
_ID = "L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE"
_START, _END = datetime(2026, 3, 2, 9, 30, tzinfo=UTC), datetime(2027, 3, 2, 9, 30, tzinfo=UTC)
_HOSTILE = '<script>alert("a")</script>\r\nBcc: eve@evil.example {{ settings.SECRET_KEY }}'


def _item(**changed: Any) -> dict[str, Any]:
    return {
        "product": "Relay",
        "plan": "Enterprise",
        "license_id": _ID,
        "expires_at": _END,
        "seats": "25",
        "seat_label": "Seats",
        "maintenance_until": None,
        "key": _KEY,
        "filename": f"acme-relay-{_ID}.lic",
        **changed,
    }


def _common(**changed: Any) -> dict[str, Any]:
    return {
        "name": "Ada Lovelace",
        "account": "Acme Corporation",
        "product": "Relay",
        "offer": "Relay Enterprise, yearly",
        "amount": "1,428.00 EUR",
        "reference": "cs_live_a1B2c3",
        "support": "billing@signet.example",
        **changed,
    }


def bought(**changed: Any) -> dict[str, Any]:
    """What the mail of a payment is rendered with."""
    given = _common(
        purpose="purchase", renewal=False, amount_minor=142_800, tax="228.00 EUR", tax_minor=22_800,
        paid_at=_START, period_start=_START, period_end=_END, invoice="in_1Q2w3E", licenses=[_item()],
    )  # fmt: skip
    given |= changed
    return given | {"has_key": any(item["key"] for item in given["licenses"])}


def _cycle(**changed: Any) -> dict[str, Any]:
    return _common(license_id=_ID, works_until=_END, **changed)


def _refunded(**changed: Any) -> dict[str, Any]:
    return _common(full=True, lost="", refunded="1,428.00 EUR", licenses=[_ID]) | changed


PURCHASE = MailTemplate(
    name="purchase",
    title="Purchase: license and receipt",
    about="Sent once for each payment: the keys that it brought, or what it prolonged, and the receipt's facts.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "a subscription": bought,
        "a renewal": lambda: bought(renewal=True, reference="in_1Q2w3E"),
        "once, for good": lambda: bought(
            period_start=None, period_end=None, invoice="", tax_minor=0,
            licenses=[_item(expires_at=None, maintenance_until=_END)],
        ),
        "a bundle": lambda: bought(licenses=[_item(), _item(plan="Edge", license_id="L-" + "B" * 26, seats="")]),
        "nothing to pay": lambda: bought(amount="0.00 EUR", amount_minor=0, tax_minor=0, invoice=""),
        "the key was not kept": lambda: bought(licenses=[_item(key="", filename="")]),
        "maintenance": lambda: bought(
            purpose="maintenance", period_end=None,
            licenses=[_item(key="", filename="", expires_at=None, maintenance_until=_END)],
        ),
        "another plan": lambda: bought(purpose="tier_change", licenses=[_item(key="", filename="")]),
        "hostile names": lambda: bought(
            name=_HOSTILE, account=_HOSTILE, product=_HOSTILE, offer=_HOSTILE, licenses=[_item(plan=_HOSTILE)]
        ),
    },
)  # fmt: skip
REFUNDED = MailTemplate(
    name="payment_refunded",
    title="Purchase: refunded",
    about="Money went back to the buyer, in part or in whole.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "in whole": _refunded,
        "in part": lambda: _refunded(full=False, refunded="100.00 EUR"),
        "maintenance, in whole": lambda: _refunded(lost="maintenance"),
        "hostile names": lambda: _refunded(name=_HOSTILE, account=_HOSTILE, offer=_HOSTILE),
    },
)
FAILED = MailTemplate(
    name="payment_failed",
    title="Purchase: payment did not go through",
    about="A subscription's payment failed and it is past due.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "past due": _cycle,
        "without a name": lambda: _cycle(name="", support=""),
        "hostile names": lambda: _cycle(name=_HOSTILE, account=_HOSTILE, offer=_HOSTILE),
    },
)
ENDING = MailTemplate(
    name="subscription_ending",
    title="Purchase: end of a subscription",
    about="A subscription was cancelled, or ended because it was not paid.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "cancelled": lambda: _cycle(ended=False, lapsed=False),
        "ended": lambda: _cycle(ended=True, lapsed=False),
        "not paid": lambda: _cycle(ended=True, lapsed=True),
        "hostile names": lambda: _cycle(
            ended=True, lapsed=False, name=_HOSTILE, account=_HOSTILE, offer=_HOSTILE
        ),
    },
)

TEMPLATES = (PURCHASE, REFUNDED, FAILED, ENDING)
