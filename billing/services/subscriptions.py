"""Cycles of payments, kept as Stripe has them (C28). What Stripe was read for never overwrites a later reading."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from billing import gateway
from billing.domain.enums import SubscriptionState
from billing.domain.subscriptions import lapses_at, state_of
from billing.gateway import SubscriptionFacts
from billing.models import MerchantProfile, Subscription
from billing.parked import Early
from billing.services.settling import payment_settle
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import record

ROUNDS = 5
GRACE_DAYS = 7
BATCH = 200


def subscription_follow(*, merchant: MerchantProfile, stripe_id: str, actor: str, at: datetime) -> bool:
    """Something changed about a subscription at Stripe. False when it is none of ours.

    One that is not known yet is settled first when its session is paid; otherwise there is nothing to do: the
    session, when it is paid, is settled with a later reading than this.
    """
    if subscription_sync(merchant=merchant, stripe_id=stripe_id, actor=actor, at=at) is not None:
        return True
    sessions = gateway.sessions_of_subscription(merchant, stripe_id)
    paid = next((session for session in sessions if session.paid), None)
    if paid is None:
        return bool(sessions)
    payment_settle(merchant=merchant, session=paid, actor=actor, at=at)
    subscription_sync(merchant=merchant, stripe_id=stripe_id, actor=actor, at=at)
    return True


def subscription_sync(
    *, merchant: MerchantProfile, stripe_id: str, actor: str, at: datetime
) -> Subscription | None:
    """Write what Stripe says of a known subscription; None for one that is not known.

    The revision is read before Stripe is: a row that was written meanwhile is left, and Stripe read again.
    Raises StripeUnavailable, StripeMissing, and Early when others write all the time.
    """
    known = Subscription.objects.filter(merchant=merchant, stripe_id=stripe_id)
    for _ in range(ROUNDS):
        revision = known.values_list("revision", flat=True).first()
        if revision is None:
            return None
        facts = gateway.subscription_read(merchant, stripe_id)
        with transaction.atomic():
            row = locked(known.select_related("account", "offer")).get()
            if row.revision == revision:
                _write(row, facts, actor, at)
                return row
    raise Early("The subscription is being written by others.")


def _write(row: Subscription, facts: SubscriptionFacts, actor: str, at: datetime) -> None:
    before = SubscriptionState(row.state)
    after = state_of(facts.status, cancelling=facts.cancel_at_period_end, before=before)
    owing = after in (SubscriptionState.PAST_DUE, SubscriptionState.LAPSED)
    row.past_due_since = (row.past_due_since or at) if owing else None
    row.stripe_status, row.cancel_at_period_end = facts.status, facts.cancel_at_period_end
    row.period_start = facts.period_start or row.period_start
    row.period_end = facts.period_end or row.period_end
    row.ended_at = facts.ended_at
    row.customer_ref = facts.customer or row.customer_ref
    _turn(row, after, actor, at)


def _turn(row: Subscription, after: SubscriptionState, actor: str, at: datetime) -> None:
    """Save a locked subscription in a state; the event only when the state is another."""
    before, row.state = row.state, after
    row.revision += 1
    row.save()
    if before == after:
        return
    record(
        kind=Kind.SUBSCRIPTION_CHANGED,
        subject=f"subscription:{row.stripe_id}",
        account=row.account.customer_id,
        actor=actor,
        data={
            "from": str(before),
            "to": str(after),
            "stripe_status": row.stripe_status,
            "cancel_at_period_end": row.cancel_at_period_end,
            "period_end": row.period_end.isoformat() if row.period_end else None,
        },
        at=at,
    )


def subscriptions_lapse(*, actor: str, at: datetime) -> int:
    """Let lapse what is past due for longer than its plan's billing grace; how many. Safe to repeat."""
    owing = Subscription.objects.filter(state=SubscriptionState.PAST_DUE, past_due_since__lte=at)
    lapsed, last = 0, 0
    # past every row: those that wait for a longer grace stay, and must not keep the others from their turn
    while batch := list(owing.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        lapsed += sum(_lapse(pk, actor, at) for pk in batch)
        last = batch[-1]
    return lapsed


def _lapse(pk: int, actor: str, at: datetime) -> bool:
    with transaction.atomic():
        rows = Subscription.objects.select_related("account", "license__plan").filter(pk=pk)
        row = locked(rows).get()
        since = row.past_due_since
        days = row.license.plan.billing_grace_days if row.license else GRACE_DAYS
        if row.state != SubscriptionState.PAST_DUE or since is None or lapses_at(since, days) > at:
            return False
        _turn(row, SubscriptionState.LAPSED, actor, at)
    return True
