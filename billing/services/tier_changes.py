"""A license moves to another plan (C29): applying a change, and giving one up.

The key string stays: online validation follows the row at once, and keys that are out say what they say.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from billing.domain.enums import SubscriptionState, TierChangeState
from billing.models import Subscription, TierChange
from billing.selectors.orders import subscription_of
from billing.services.reservations import record_change
from billing.terms import quote_of
from billing.tier_errors import TierChangeOver
from config.kit.enqueue import enqueue
from config.kit.locks import locked
from licenses.domain.enums import LicenseStatus
from licenses.errors import LicenseRevoked
from licenses.models import License, Plan
from licenses.postures import place_posture
from licenses.services.issuing import license_lock
from licenses.services.posture import record_posture
from licenses.terms import check_terms

FROM_PLAN = ("edition", "nodes", "machines", "collectors", "warn_days", "grace_days", "entitlements")
"""What a license takes over from its new plan. Seats are what was bought (E24), kind and start stay."""
PENDING = (TierChangeState.AWAITING_PAYMENT, TierChangeState.SCHEDULED)
RENEWING = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE)
TELL = "billing.tier_changes_tell"


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
        _move(license_, row.to_plan, actor=actor, at=at)
        told = row.state == TierChangeState.SCHEDULED  # then the new price was told when it was scheduled
        row.subscription = _reprice(row, license_) or row.subscription
        row.state, row.effective_at, row.ended_at = TierChangeState.APPLIED, at, at
        if row.subscription is not None and row.to_offer is not None and not told:
            row.stripe_due_at = at
            enqueue(TELL)
        row.save(update_fields=["subscription", "state", "effective_at", "ended_at", "stripe_due_at"])
        record_change("tier_change.applied", row, actor=actor, at=at)
    return row


def scheduled_apply(*, license: License, actor: str, at: datetime) -> TierChange | None:  # noqa: A002 - the word of the vocabulary
    """At a renewal: apply the change that waits for it, if one does (C29). In the caller's transaction."""
    rows = TierChange.objects.filter(license=license, state=TierChangeState.SCHEDULED)
    change = rows.select_related("license").order_by("pk").first()
    return None if change is None else tier_change_apply(change=change, at=at, actor=actor)


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


def change_lock(change: TierChange) -> TierChange:
    """Lock and re-read a change, after the license's row. Call inside a transaction."""
    rows = TierChange.objects.select_related(
        "license__account", "from_plan", "to_plan", "to_offer__merchant", "subscription__merchant"
    )
    return locked(rows.filter(pk=change.pk)).get()


def _move(row: License, plan: Plan, *, actor: str, at: datetime) -> None:
    before, old = row.posture, row.plan
    row.plan, row.plan_code = plan, plan.slug
    for name in FROM_PLAN:
        value = getattr(plan, name)
        setattr(row, name, dict(value) if name == "entitlements" else value)
    if bool(old.duration_days) != bool(plan.duration_days):
        row.expires_at = _end(row, plan, at)
    check_terms(row)
    changed = place_posture(row, at)
    row.save(update_fields=["plan", "plan_code", *FROM_PLAN, "expires_at", "posture", "posture_due_at"])
    if changed:
        record_posture(row, before=before, actor=actor, at=at)


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
    changes: dict[str, Any] = {"offer": change.to_offer}
    changes["amount_minor"] = quote_of(change.to_offer, managed_products=row.managed_products).total_minor
    for name, value in changes.items():
        setattr(row, name, value)
    row.revision += 1
    row.save(update_fields=[*changes, "revision"])
    return row
