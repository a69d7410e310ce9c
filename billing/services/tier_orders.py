"""Asking for another tier: by a buyer, who pays or waits for the renewal, or by staff past the rules (C29)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from billing.domain.changes import ChangeQuote, TierRule
from billing.domain.enums import Purpose, TierChangeState
from billing.domain.prices import Line, Quote
from billing.models import Offer, TierChange
from billing.orders import returns_of
from billing.selectors.catalogue import merchant_of
from billing.selectors.orders import subscription_of
from billing.services.reservations import Sale, order_write, record_change
from billing.services.tier_changes import PENDING, RENEWING, TELL, tier_change_apply
from billing.tier_errors import TierPending, TierQuoteChanged, TierRefused
from billing.tiers import Quoted, tier_quote
from config.kit.enqueue import enqueue
from licenses.claims import ToSign
from licenses.models import License, Plan
from licenses.services.signing import license_lock, refuse_unless_issuable

Guard = Callable[[License], None]
_guards: list[Guard] = []


def tier_guard_register(guard: Guard) -> None:
    """Have a rule asked before any change of tier, also of staff's: it raises, or lets the license pass.

    This is how a room above keeps the tier of our own license from changing here (`SelfLicenseTier`, C29, C8).
    """
    if guard not in _guards:
        _guards.append(guard)


def tier_change_begin(
    *, license: License, offer: Offer, expected_minor: int | None = None, success_url: str = "",  # noqa: A002 - the word of the vocabulary
    cancel_url: str = "", actor: str, at: datetime,
) -> TierChange:  # fmt: skip
    """Do what was quoted to a buyer: schedule a downgrade, apply what costs nothing, or open an order for the rest.

    `expected_minor` is what the buyer was quoted. An order is given a place to pay at by `checkout_present`, and
    the change is applied when it is paid. Raises what `tier_quote` raises, TierPending and TierQuoteChanged (409).
    """
    with transaction.atomic():
        row = _lock(license)
        quoted = tier_quote(license=row, offer=offer, at=at)
        if expected_minor is not None and expected_minor != quoted.quote.due_minor:
            raise TierQuoteChanged(due_minor=quoted.quote.due_minor)
        change = _draft(quoted, actor=actor, at=at)
        if quoted.quote.effective_at is not None:
            return _schedule(change, quoted.quote.effective_at, actor=actor, at=at)
        if quoted.quote.due_minor == 0:
            change.save(force_insert=True)
            return tier_change_apply(change=change, at=at, actor=actor)
        merchant = merchant_of(offer)
        sale = Sale(
            purpose=Purpose.TIER_CHANGE, offer=offer, merchant=merchant, account=row.account, license=row, units=0,
            quote=_price(quoted), returns=returns_of(merchant, success=success_url, cancel=cancel_url),
        )  # fmt: skip
        change.checkout = order_write(sale=sale, actor=actor, at=at)
        change.state = TierChangeState.AWAITING_PAYMENT
        change.save(force_insert=True)
        record_change("tier_change.quoted", change, actor=actor, at=at)
    return change


def tier_change_force(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    plan: Plan,
    offer: Offer | None = None,
    at_renewal: bool = False,
    actor: str,
    at: datetime,
) -> TierChange:
    """Move a license to any plan of its product as staff decide, now or at its next renewal, free of charge.

    `offer` is what its subscription pays from the next period on; without one the price stays. Raises
    TierRefused for a plan of another product, which its keys name, or the plan it has; TierPending; and what
    refuses to issue the license.
    """
    with transaction.atomic():
        row = _lock(license)
        refuse_unless_issuable(ToSign.of(row), at)
        if plan.product_id != row.product_id:
            raise TierRefused.of([TierRule.OTHER_PRODUCT])
        if plan.pk == row.plan_id:
            raise TierRefused.of([TierRule.SAME_RANK])
        cycle = subscription_of(row)
        change = TierChange(
            license=row, from_plan=row.plan, to_plan=plan, to_offer=offer, forced=True, actor=actor, created_at=at,
            subscription=cycle if cycle and cycle.state in RENEWING else None,
        )  # fmt: skip
        if at_renewal and row.expires_at is not None:
            return _schedule(change, row.expires_at, actor=actor, at=at)
        change.save(force_insert=True)
        return tier_change_apply(change=change, at=at, actor=actor)


def _lock(license_: License) -> License:
    """Lock a license whose tier may change: no guard refuses, and no other change waits."""
    row = license_lock(license_)
    for guard in _guards:
        guard(row)
    waiting = TierChange.objects.filter(license=row, state__in=PENDING).first()
    if waiting is not None:
        raise TierPending(tier_change=str(waiting.uid))
    return row


def _draft(quoted: Quoted, *, actor: str, at: datetime) -> TierChange:
    quote, plan = quoted.quote, quoted.offer.plan
    return TierChange(
        license=quoted.license, subscription=quoted.standing.subscription, from_plan=quoted.license.plan,
        to_plan=plan, to_offer=quoted.offer, currency=quote.currency, amount_minor=quote.due_minor,
        quote=quote.to_json(), actor=actor, created_at=at,
    )  # fmt: skip


def _schedule(change: TierChange, effective_at: datetime, *, actor: str, at: datetime) -> TierChange:
    change.state, change.effective_at = TierChangeState.SCHEDULED, effective_at
    if change.subscription is not None and change.to_offer is not None:
        change.stripe_due_at = at
        enqueue(TELL)
    change.save(force_insert=True)
    record_change("tier_change.scheduled", change, actor=actor, at=at)
    return change


def _price(quoted: Quoted) -> Quote:
    """The order of a change: one line, the difference for the days left."""
    due, line = quoted.quote.due_minor, Line(_label(quoted.offer.name, quoted.quote), 1, 0, 0)
    line = Line(line.label, 1, due, due)
    return Quote(due, 0, due, quoted.quote.currency, due, 1, quoted.standing.seats, (line,))


def _label(name: str, quote: ChangeQuote) -> str:
    if quote.period is None:
        return f"Change to {name}"
    return f"Change to {name}, {quote.period.days_left} of {quote.period.days} days"
