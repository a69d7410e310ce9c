"""The state of a cycle of payments, from what Stripe says of it and from our own grace (C28)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from billing.domain.enums import SubscriptionState

_ENDED: Final = frozenset({"canceled", "incomplete_expired"})
_OWING: Final = frozenset({"past_due", "unpaid", "paused", "incomplete"})


def state_of(
    status: str, *, cancelling: bool, before: SubscriptionState = SubscriptionState.ACTIVE
) -> SubscriptionState:
    """Our state for Stripe's `status`; `cancelling` says that it ends with its period.

    What has lapsed stays so for as long as money is owed. A status that we do not know counts as owing: the
    license has its paid end in any case.
    """
    if status in _ENDED or (cancelling and status not in _OWING):
        return SubscriptionState.CANCELLED
    if status in {"active", "trialing"}:
        return SubscriptionState.ACTIVE
    return SubscriptionState.LAPSED if before == SubscriptionState.LAPSED else SubscriptionState.PAST_DUE


def lapses_at(past_due_since: datetime, grace_days: int) -> datetime:
    """When what is past due lapses: after the plan's billing grace."""
    return past_due_since + timedelta(days=grace_days)
