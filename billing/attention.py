"""What of the inbox and of money at Stripe waits for a person: sources of "Needs attention"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from billing.domain.enums import InboxState
from billing.domain.parking import words_of
from billing.models import StripeEvent
from billing.selectors.orders import charging_for_nothing, untold
from billing.services.ending import subscription_end
from billing.services.inbox import event_rerun
from billing.services.telling import tier_change_tell
from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from config.kit.errors import NotFound

LATE = timedelta(hours=1)
LONGEST_KEY = 19
VIEW, MANAGE = ("billing.view_stripeevent",), "billing.refund_payment"


def register() -> None:
    """Called once, when the app starts."""
    for source in (PARKED, STUCK, CHARGING, UNTOLD):
        source_register(source)


def _list(state: InboxState) -> str:
    return f"{reverse('admin:billing_stripeevent_changelist')}?state__exact={state}"


def _parked(_at: datetime) -> Iterator[Problem]:
    rows = StripeEvent.objects.filter(state=InboxState.PARKED).defer("raw").order_by("-pk")
    for row in rows.iterator(chunk_size=100):
        yield Problem(
            # what is parked again after another try is another problem
            key=f"{row.pk}-{int(row.done_at.timestamp()) if row.done_at else 0}",
            title=f"{row.type or 'An unreadable event'}: {row.object_id or row.event_id}",
            cause=" ".join(filter(None, (words_of(row.reason), row.detail[:200]))),
            since=row.done_at or row.received_at,
            url=page_of(row),
        )


def _rerun(key: str, *, actor: str, at: datetime) -> str:
    row = StripeEvent.objects.filter(pk=_number(key)).first()
    if row is None:
        raise NotFound
    event_rerun(event=row, actor=actor, at=at)
    return "It is worked on again."


def _number(key: str) -> int:
    """The row that a key names. Raises NotFound."""
    number = key.partition("-")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < LONGEST_KEY):
        raise NotFound
    return int(number)


PARKED = Source(
    name="stripe-events",
    title="Stripe events that wait for a person",
    find=_parked,
    permissions=VIEW,
    manage=MANAGE,
    retry=_rerun,
    retry_label="Work on again",
    url=lambda: _list(InboxState.PARKED),
)


def _stuck(at: datetime) -> Iterator[Problem]:
    """One for all: what holds them up is one thing, most often Stripe, or no worker."""
    late = StripeEvent.objects.filter(state=InboxState.RECEIVED, received_at__lte=at - LATE)
    first = late.order_by("received_at").only("received_at", "attempts", "detail").first()
    if first is None:
        return
    number = late.count()
    why = (
        f"The last answer: {first.detail[:200]}"
        if first.detail
        else "Nobody has worked on them: is a worker up?"
    )
    yield Problem(
        key="stuck",
        title=f"{number:,} Stripe event{'' if number == 1 else 's'} waiting for more than an hour",
        cause=f"{why} They are tried again by themselves for three days; licenses that were paid come late.",
        since=first.received_at,
        url=_list(InboxState.RECEIVED),
        urgent=True,
        retryable=False,
    )


STUCK = Source(
    name="stripe-inbox",
    title="Stripe events that do not get on",
    find=_stuck,
    permissions=VIEW,
    lasting=True,
    url=lambda: _list(InboxState.RECEIVED),
)


def _charging(_at: datetime) -> Iterator[Problem]:
    for row in charging_for_nothing().iterator(chunk_size=100):
        ended = row.license
        why = ended.status_reason[:200] if ended else ""
        yield Problem(
            key=str(row.pk),
            title=f"{row.account.name} is still charged for {row.offer.name}, whose license is revoked",
            cause=f"Why it was revoked: {why} End the subscription, so that Stripe charges nothing more.",
            since=ended.status_at if ended else None,
            url=page_of(row),
            urgent=True,
        )


def _end(key: str, *, actor: str, at: datetime) -> str:
    row = charging_for_nothing().filter(pk=_number(key)).first()
    if row is None:
        raise NotFound
    subscription_end(subscription=row, actor=actor, at=at)
    return "It is ended; Stripe charges nothing more."


CHARGING = Source(
    name="stripe-charging",
    title="Subscriptions that charge for a license that ended",
    find=_charging,
    permissions=("billing.view_subscription",),
    manage=MANAGE,
    retry=_end,
    retry_label="End the subscription",
)


def _untold(at: datetime) -> Iterator[Problem]:
    for row in untold(at - LATE).iterator(chunk_size=100):
        yield Problem(
            key=f"{row.pk}-{row.state}",
            title=f"Stripe has not taken the new price of {row.license.public_id}",
            cause="Its next invoice has the old price. It is tried again by itself; try it to see Stripe's answer.",
            since=vars(row)["since"],
            url=page_of(row.subscription) if row.subscription else page_of(row.license),
            urgent=True,
        )


def _tell(key: str, *, actor: str, at: datetime) -> str:  # noqa: ARG001 - as every retry is called
    row = untold(at).filter(pk=_number(key)).first()
    if row is None:
        raise NotFound
    tier_change_tell(change=row)
    return "Stripe has it now."


UNTOLD = Source(
    name="stripe-prices",
    title="Prices that Stripe was not told",
    find=_untold,
    permissions=("billing.view_subscription",),
    manage=MANAGE,
    retry=_tell,
    retry_label="Tell Stripe",
    lasting=True,
)
