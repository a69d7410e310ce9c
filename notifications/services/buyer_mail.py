"""Mail that money causes: the reader `buyer-mail` of the history. One mail for a payment, whatever is replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from billing.domain.enums import SubscriptionState
from billing.models import Payment, Subscription
from config.kit import actors
from history.domain.kinds import Kind
from history.models import Event
from history.services import record
from notifications.buyer_content import cycle_content, purchase_content, refund_content
from notifications.models import Message, Stream
from notifications.parts import Attachment
from notifications.services.messages import message_queue

READER = "buyer-mail"
KINDS = (
    Kind.PAYMENT_SETTLED,
    Kind.PAYMENT_REFUNDED,
    Kind.PAYMENT_FAILED,
    Kind.SUBSCRIPTION_CHANGED,
)
ACTOR = actors.system("buyer-mail")
ENDED = (SubscriptionState.CANCELLED, SubscriptionState.LAPSED)


class NoAddressError(LookupError):
    """Nobody to write to; the event is parked, and staff mail the license from its page."""


def follow(event: Event, *, at: datetime) -> None:
    """One event, in the transaction that moves the reader's cursor; the mail is queued in it."""
    identifier = event.subject.partition(":")[2]
    if event.kind == Kind.PAYMENT_SETTLED:
        _settled(UUID(identifier), at)
    elif event.kind == Kind.PAYMENT_REFUNDED:
        _refunded(UUID(identifier), event, at)
    elif event.kind == Kind.PAYMENT_FAILED:
        _failed(identifier, event, at)
    elif event.data.get("to") in ENDED and event.data.get("from") not in ENDED:
        _ending(identifier, event, at)


def _settled(uid: UUID, at: datetime) -> None:
    row = _payment(uid)
    key = f"payment:{uid}"
    if Message.objects.filter(dedupe_key=key).exists():
        return
    context, files, secrets = purchase_content(row, actor=ACTOR, at=at)
    message = _queue(
        "purchase", row, to=_address(row), context=context, key=key, files=files, secrets=secrets, at=at
    )
    for delivery in row.fulfilments.select_related("license", "issuance").order_by("position"):
        if delivery.issuance is not None and delivery.issuance.artifact is not None:
            record(
                kind=Kind.LICENSE_SENT,
                subject=f"license:{delivery.license.public_id}",
                account=row.account.customer_id,
                actor=ACTOR,
                data={"jti": delivery.issuance.jti_text, "message": str(message.uid), "note_given": False},
                at=at,
            )


def _refunded(uid: UUID, event: Event, at: datetime) -> None:
    row, refunded = _payment(uid), event.data["refunded_minor"]
    if not refunded:
        return  # a refund that failed: the money never went
    context = refund_content(row, refunded_minor=refunded, state=event.data["state"])
    _queue("payment_refunded", row, to=_address(row), context=context, key=f"refund:{uid}:{refunded}", at=at)


def _failed(stripe_id: str, event: Event, at: datetime) -> None:
    """Once an invoice, however often Stripe tries it again."""
    row = _subscription(stripe_id)
    payer = _payer(row)
    _queue(
        "payment_failed", row, to=_address(payer), context=cycle_content(row, name=payer.customer_name),
        key=f"payment-failed:{event.data['invoice']}", at=at,
    )  # fmt: skip


def _ending(stripe_id: str, event: Event, at: datetime) -> None:
    row = _subscription(stripe_id)
    payer = _payer(row)
    lapsed = event.data["to"] == SubscriptionState.LAPSED
    state = {"lapsed": lapsed, "ended": lapsed or not event.data.get("cancel_at_period_end")}
    _queue(
        "subscription_ending", row, to=_address(payer),
        context=cycle_content(row, name=payer.customer_name) | state,
        key=f"subscription-ending:{stripe_id}:{event.data['to']}:{event.data.get('period_end')}", at=at,
    )  # fmt: skip


def _queue(
    template: str, about: Payment | Subscription, *, to: str, context: dict[str, Any], key: str, at: datetime,
    files: Sequence[Attachment] = (), secrets: Sequence[str] = (),
) -> Message:  # fmt: skip
    """As the merchant profile's brand, under its sender; answers go to its support."""
    license_ = about.license if isinstance(about, Subscription) else None
    if isinstance(about, Payment):
        first = about.fulfilments.select_related("license").order_by("position").first()
        license_ = first.license if first else None
    return message_queue(
        template=template,
        to=to,
        context=context,
        stream=Stream.TRANSACTIONAL,
        dedupe_key=key,
        account=about.account,
        license=license_,
        attachments=files,
        secrets=secrets,
        sender=about.merchant.mail_from,
        reply_to=about.merchant.support_email,
        actor=ACTOR,
        at=at,
    )


def _payment(uid: UUID) -> Payment:
    return Payment.objects.select_related("merchant", "account", "offer", "checkout").get(uid=uid)


def _subscription(stripe_id: str) -> Subscription:
    rows = Subscription.objects.select_related("merchant", "account", "offer", "license")
    return rows.get(stripe_id=stripe_id)


def _payer(row: Subscription) -> Payment:
    """Who paid a subscription as last. Raises NoAddressError when nobody has."""
    newest = row.payments.select_related("checkout").order_by("-paid_at", "-id").first()
    if newest is None and row.checkout is not None:
        newest = row.checkout.payments.select_related("checkout").order_by("-id").first()
    if newest is None:
        raise NoAddressError(f"Nobody has paid {row.stripe_id} yet.")
    return newest


def _address(row: Payment) -> str:
    """What the payer gave Stripe, or the storefront. Raises NoAddressError."""
    found = row.customer_email or (row.checkout.email if row.checkout else "")
    if not found:
        raise NoAddressError(f"Payment {row.uid} came without an address.")
    return found
