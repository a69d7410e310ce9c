"""What of the inbox waits for a person: sources of "Needs attention"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from billing.domain.enums import InboxState
from billing.domain.parking import words_of
from billing.models import StripeEvent
from billing.services.inbox import event_rerun
from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from config.kit.errors import NotFound

LATE = timedelta(hours=1)
LONGEST_KEY = 19
VIEW, MANAGE = ("billing.view_stripeevent",), "billing.refund_payment"


def register() -> None:
    """Called once, when the app starts."""
    source_register(PARKED)
    source_register(STUCK)


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
    number = key.partition("-")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < LONGEST_KEY):
        raise NotFound
    row = StripeEvent.objects.filter(pk=int(number)).first()
    if row is None:
        raise NotFound
    event_rerun(event=row, actor=actor, at=at)
    return "It is worked on again."


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
