"""A license moves to another plan (C29): applying a change, giving one up, and undoing one that was paid back.

The key string stays: online validation follows the row at once, and keys that are out say what they say.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from billing.domain.enums import Purpose, SubscriptionState, TierChangeState
from billing.models import Fulfilment, Subscription, TierChange
from billing.selectors.orders import subscription_of
from billing.services.reservations import record_change
from billing.tier_errors import TierChangeOver
from billing.tiers import discounted
from config.kit.enqueue import enqueue
from config.kit.errors import Refusal
from config.kit.locks import locked
from licenses.domain.enums import LicenseStatus
from licenses.errors import LicenseRevoked
from licenses.models import License, Plan
from licenses.postures import place_posture
from licenses.services.posture import record_posture
from licenses.services.signing import license_lock
from licenses.terms import check_terms

FROM_PLAN = ("edition", "nodes", "machines", "collectors", "warn_days", "grace_days", "entitlements")
"""What a license takes over from its new plan. Seats are what was bought (E24), kind and start stay."""
PENDING = (TierChangeState.AWAITING_PAYMENT, TierChangeState.SCHEDULED)
RENEWING = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE)
TELL = "billing.tier_changes_tell"
BATCH = 200


def tier_change_apply(*, change: TierChange, at: datetime, actor: str) -> TierChange:
    """Move the license to the plan of a change: plan, entitlements, limits, end and grace of its row.

    Applied twice it changes nothing. The price of a subscription is told to Stripe afterwards. Raises
    LicenseRevoked and TierChangeOver (409), Invalid when the new plan's terms make no license.
    """
    with transaction.atomic():
        license_ = license_lock(change.license)
        row = change_lock(change)
        if row.state == TierChangeState.APPLIED:
            return row
        if row.state == TierChangeState.CANCELLED:
            raise TierChangeOver
        if license_.status == LicenseStatus.REVOKED:
            raise LicenseRevoked
        before = _terms(license_)
        _move(license_, row, actor=actor, at=at)
        row.moved = {"from": before, "to": _terms(license_)}
        told = row.state == TierChangeState.SCHEDULED  # then the new price was told when it was scheduled
        row.subscription = _reprice(row, license_) or row.subscription
        row.state, row.effective_at, row.ended_at = TierChangeState.APPLIED, at, at
        if row.subscription is not None and row.to_offer is not None and not told:
            row.stripe_due_at = at
            enqueue(TELL)
        row.save(
            update_fields=["subscription", "state", "effective_at", "ended_at", "stripe_due_at", "moved"]
        )
        record_change("tier_change.applied", row, actor=actor, at=at)
    return row


def scheduled_apply(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    period_start: datetime,
    actor: str,
    at: datetime,
) -> TierChange | None:
    """At a renewal: apply the change that waits for it, if one does (C29). In the caller's transaction.

    `period_start` is of the period that is paid: one that began before the change was asked for is an earlier one.
    """
    rows = TierChange.objects.filter(
        license=license, state=TierChangeState.SCHEDULED, created_at__lte=period_start
    )
    change = rows.select_related("license").order_by("pk").first()
    return None if change is None else tier_change_apply(change=change, at=at, actor=actor)


def scheduled_sweep(*, actor: str, at: datetime) -> int:
    """Apply what waits for a renewal that no invoice will bring: its day has come and no cycle runs; how many.

    One that cannot be applied is given up, or it would stand in the way of every later change. Safe to repeat.
    """
    running = Subscription.objects.filter(license=OuterRef("license"), state__in=RENEWING)
    due = TierChange.objects.filter(state=TierChangeState.SCHEDULED, effective_at__lte=at)
    waiting = due.exclude(Exists(running)).select_related("license").order_by("effective_at", "pk")
    applied = 0
    for change in waiting[:BATCH]:
        try:
            tier_change_apply(change=change, at=at, actor=actor)
        except Refusal as refusal:
            with suppress(TierChangeOver):
                tier_change_cancel(change=change, reason=refusal.code, actor=actor, at=at)
        else:
            applied += 1
    return applied


def tier_change_cancel(*, change: TierChange, reason: str, actor: str, at: datetime) -> TierChange:
    """Give up a change that waits for its renewal; Stripe is told the old price again.

    One that waits for its payment ends with its checkout. Raises TierChangeOver (409).
    """
    with transaction.atomic():
        license_lock(change.license)
        row = change_lock(change)
        if row.state != TierChangeState.SCHEDULED:
            raise TierChangeOver
        row.state, row.ended_at = TierChangeState.CANCELLED, at
        if row.subscription is not None:
            row.stripe_due_at = at
            enqueue(TELL)
        row.save(update_fields=["state", "ended_at", "stripe_due_at"])
        record_change("tier_change.cancelled", row, actor=actor, at=at, reason=reason)
    return row


def tier_change_revert(*, change: TierChange, actor: str, at: datetime) -> bool:
    """Undo a change whose money went back: the plan, the terms and the price of before. In the caller's transaction.

    False when the license changed again since, or a period was paid under the new plan: that is for a person.
    Done twice it changes nothing, and a revoked license stays as it is.
    """
    license_ = license_lock(change.license)
    row = change_lock(change)
    if row.state != TierChangeState.APPLIED or license_.status == LicenseStatus.REVOKED:
        return True
    if _moved_on(row, license_):
        return False
    _restore(license_, row, actor=actor, at=at)
    if "cycle" in row.moved and row.subscription is not None:
        _reprice_back(row, row.subscription, at)
    row.state, row.ended_at = TierChangeState.REVERTED, at
    row.save(update_fields=["state", "ended_at", "stripe_due_at"])
    record_change("tier_change.reverted", row, actor=actor, at=at)
    return True


def change_lock(change: TierChange) -> TierChange:
    """Lock and re-read a change, after the license's row. Call inside a transaction."""
    rows = TierChange.objects.select_related(
        "license__account", "from_plan", "to_plan", "to_offer__merchant", "subscription__merchant"
    )
    return locked(rows.filter(pk=change.pk)).get()


def _terms(row: License) -> dict[str, Any]:
    """What a change of plan may change of a license, as it stands."""
    end = row.expires_at.isoformat() if row.expires_at else None
    kept = {name: getattr(row, name) for name in FROM_PLAN}
    return {**kept, "entitlements": dict(row.entitlements), "plan": row.plan_id, "expires_at": end}


def _move(row: License, change: TierChange, *, actor: str, at: datetime) -> None:
    plan, old = change.to_plan, row.plan
    row.plan, row.plan_code = plan, plan.slug
    for name in FROM_PLAN:
        value = getattr(plan, name)
        setattr(row, name, dict(value) if name == "entitlements" else value)
    if change.forced and bool(old.duration_days) != bool(plan.duration_days):
        row.expires_at = _end(row, plan, at)
    check_terms(row)
    _save(row, actor=actor, at=at)


def _save(row: License, *, actor: str, at: datetime) -> None:
    before = row.posture
    changed = place_posture(row, at)
    row.save(update_fields=["plan", "plan_code", *FROM_PLAN, "expires_at", "posture", "posture_due_at"])
    if changed:
        record_posture(row, before=before, actor=actor, at=at)


def _moved_on(change: TierChange, row: License) -> bool:
    """Whether anything came after a change that undoing it would undo, too."""
    later = TierChange.objects.filter(license=row, pk__gt=change.pk)
    if later.filter(state__in=(TierChangeState.APPLIED, *PENDING)).exists():
        return True
    paid = Fulfilment.objects.filter(license=row, payment__purpose=Purpose.PURCHASE)
    return paid.filter(created_at__gt=change.effective_at).exists() or change.moved.get("to") != _terms(row)


def _restore(row: License, change: TierChange, *, actor: str, at: datetime) -> None:
    was = change.moved["from"]
    row.plan, row.plan_code = change.from_plan, change.from_plan.slug
    for name in FROM_PLAN:
        setattr(row, name, was[name])
    row.expires_at = datetime.fromisoformat(was["expires_at"]) if was["expires_at"] else None
    _save(row, actor=actor, at=at)


def _end(row: License, plan: Plan, at: datetime) -> datetime | None:
    """The end of a license between a perpetual plan and one with a term; only staff cross that line.

    What an offer sold for longer than its plan says keeps its end.
    """
    if plan.duration_days == 0:
        return None
    return row.expires_at or at.replace(microsecond=0) + timedelta(days=plan.duration_days)


def _reprice(change: TierChange, license_: License) -> Subscription | None:
    """Have the cycle of payments say what it costs from its next period on."""
    found = change.subscription or subscription_of(license_)
    if found is None or change.to_offer is None or found.state not in RENEWING:
        return None
    row = locked(Subscription.objects.filter(pk=found.pk)).get()
    change.moved["cycle"] = {"offer": row.offer_id, "amount_minor": row.amount_minor}
    return _priced(row, change.to_offer.pk, discounted(row, change.to_offer))


def _reprice_back(change: TierChange, cycle: Subscription, at: datetime) -> None:
    """The price of before counts from the next period on; Stripe is told."""
    was = change.moved["cycle"]
    row = locked(Subscription.objects.filter(pk=cycle.pk)).get()
    change.subscription = _priced(row, was["offer"], was["amount_minor"])
    change.stripe_due_at = at
    enqueue(TELL)


def _priced(row: Subscription, offer_id: int, amount_minor: int) -> Subscription:
    row.offer_id, row.amount_minor = offer_id, amount_minor
    row.revision += 1
    row.save(update_fields=["offer", "amount_minor", "revision"])
    return row
