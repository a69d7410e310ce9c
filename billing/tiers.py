"""From rows to what the domain decides about a change of tier (C29)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.changes import ChangeQuote, Period, Tier, TierRule, broken_rules, change_quote
from billing.domain.enums import Duration, OfferType, SubscriptionState, TierChangeState
from billing.models import Offer, Subscription, TierChange
from billing.selectors.catalogue import SELLABLE
from billing.selectors.orders import subscription_of
from billing.terms import quote_of, seats_of, term_facts_of
from billing.tier_errors import SubscriptionNotActive, TierRefused, TierUnknown, TierUnpriced
from licenses.claims import ToSign
from licenses.models import License, Plan
from licenses.services.signing import refuse_unless_issuable

DAYS = "days"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a license stands: its tier, what renews it, and the period that is paid."""

    tier: Tier
    seats: int
    subscription: Subscription | None
    period: Period | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """A change that may be made, and what it costs."""

    license: License
    offer: Offer
    standing: Standing
    quote: ChangeQuote


def tier_quote(*, license: License, offer: Offer, at: datetime) -> Quoted:  # noqa: A002 - the word of the vocabulary
    """What moving a license to an offer's plan costs a buyer now; writes nothing.

    Raises TierRefused (400) naming each rule, SubscriptionNotActive and TierUnpriced (409), Invalid when the
    offer does not take this many seats, and what refuses to issue the license.
    """
    refuse_unless_issuable(ToSign.of(license), at)
    if offer.plan is None:
        raise TierUnknown
    standing = standing_of(license, offer, at)
    if standing.subscription is not None and standing.subscription.state != SubscriptionState.ACTIVE:
        raise SubscriptionNotActive
    wanted = _wanted(offer, standing.seats)
    rules = list(broken_rules(standing.tier, wanted))
    if rules:
        raise TierRefused.of(rules)
    return Quoted(license, offer, standing, change_quote(standing.tier, wanted, period=standing.period))


def standing_of(license: License, wanted: Offer, at: datetime) -> Standing:  # noqa: A002 - the word of the vocabulary
    """The tier of a license; where it was never sold by an offer, its plan's own price counts."""
    subscription = subscription_of(license)
    seats = (subscription.managed_products if subscription else 0) or license.seats
    offer = subscription.offer if subscription else offer_of(license)
    amount, currency = _price(license, subscription, offer, seats, wanted)
    plan = license.plan
    period, named = _period(license, subscription, offer, at)
    tier = Tier(
        product=license.product.product_key, plan=plan.slug, rank=plan.tier_rank,
        perpetual=license.expires_at is None, amount_minor=amount, currency=currency, period=named,
    )  # fmt: skip
    return Standing(tier, seats, subscription, period)


def offer_of(license: License) -> Offer | None:  # noqa: A002 - the word of the vocabulary
    """The offer that a license stands on: of its last change, of its purchase, or else one of its plan."""
    changed = TierChange.objects.filter(
        license=license, state=TierChangeState.APPLIED, to_plan=license.plan_id, to_offer__isnull=False
    )
    last = changed.select_related("to_offer__plan").order_by("-pk").first()
    if last is not None:
        return last.to_offer
    rows = Offer.objects.select_related("plan").filter(plan=license.plan_id)
    bought = rows.filter(payments__fulfilments__license=license).order_by("-payments__pk").first()
    return bought or rows.order_by("-active", "position", "pk").first()


def offer_for(license: License, plan: Plan) -> Offer:  # noqa: A002 - the word of the vocabulary
    """The offer by which a license gets to a plan: one on sale, of its own kind of term. Raises TierUnknown (404)."""
    rows = list(Offer.objects.select_related("plan__product", "merchant").filter(plan=plan))
    if not rows:
        raise TierUnknown
    now = offer_of(license)
    return min(rows, key=lambda row: (not row.active, not _alike(row, now), row.position, row.pk))


def _alike(offer: Offer, now: Offer | None) -> bool:
    return now is not None and (_named(offer), offer.currency) == (_named(now), now.currency)


def _wanted(offer: Offer, seats: int) -> Tier:
    plan = offer.plan
    assert plan is not None  # noqa: S101 - a bundle was refused before
    price = quote_of(offer, managed_products=seats_of(offer, seats))
    return Tier(
        product=plan.product.product_key, plan=plan.slug, rank=plan.tier_rank,
        perpetual=term_facts_of(offer).perpetual, amount_minor=price.total_minor, currency=offer.currency,
        period=_named(offer), open=Offer.objects.filter(SELLABLE, pk=offer.pk, internal=False).exists(),
    )  # fmt: skip


def _named(offer: Offer) -> tuple[str, int]:
    """What tells periods apart."""
    if offer.type == OfferType.SUBSCRIPTION:
        return offer.interval, offer.interval_count
    return DAYS, term_facts_of(offer).days


def _price(
    license_: License, cycle: Subscription | None, offer: Offer | None, seats: int, wanted: Offer
) -> tuple[int, str]:
    """The price of the present plan: as frozen with its subscription, else by the catalogue (C28)."""
    if cycle is not None:
        return list_price(cycle), cycle.currency
    if offer is not None:
        return quote_of(offer, managed_products=seats_of(offer, seats)).total_minor, offer.currency
    if license_.plan.price_override_minor is None:
        raise TierUnpriced
    return license_.plan.price_override_minor, wanted.currency


def list_price(cycle: Subscription) -> int:
    """What a period of a cycle costs at Stripe, in minor units: before a discount that Stripe takes off itself."""
    checkout = cycle.checkout
    if checkout is None or not checkout.params.get("discounts"):
        return cycle.amount_minor
    if cycle.amount_minor != checkout.amount_minor:  # a change of tier has priced it anew
        return quote_of(cycle.offer, managed_products=cycle.managed_products).total_minor
    lines = checkout.params["line_items"]
    return int(sum(line["quantity"] * line["price_data"]["unit_amount"] for line in lines))


def discounted(cycle: Subscription, offer: Offer) -> int:
    """What a period of an offer costs a cycle, in minor units: less what Stripe takes off for ever."""
    checkout = cycle.checkout
    lasting = checkout.coupon if checkout is not None and checkout.params.get("discounts") else None
    if lasting is not None and lasting.duration != Duration.FOREVER:
        lasting = None
    return quote_of(offer, managed_products=cycle.managed_products, coupon=lasting).total_minor


def _period(
    license_: License, cycle: Subscription | None, offer: Offer | None, at: datetime
) -> tuple[Period | None, tuple[str, int]]:
    """The period that is paid, None of a perpetual license, and its name."""
    if license_.expires_at is None:
        return None, (DAYS, 0)
    if cycle is not None and cycle.period_start is not None and cycle.period_end is not None:
        return Period.between(cycle.period_start, cycle.period_end, at), (
            cycle.interval,
            cycle.interval_count,
        )
    end = license_.expires_at
    if offer is not None and offer.type == OfferType.SUBSCRIPTION:
        days = license_.plan.period_days or license_.plan.duration_days or 365
        return Period.between(end - timedelta(days=days), end, at), _named(offer)
    days = term_facts_of(offer).days if offer else license_.plan.duration_days
    return Period.between(end - timedelta(days=days or 365), end, at), (DAYS, days)


def rules_for_buyers(license: License, offer: Offer, at: datetime) -> list[TierRule]:  # noqa: A002 - the word of the vocabulary
    """Every rule that would refuse a buyer; staff see them before they force a change."""
    return list(broken_rules(standing_of(license, offer, at).tier, _wanted(offer, license.seats)))
