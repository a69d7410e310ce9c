"""The catalogue told to Stripe: products, prices by lookup key, coupons and promotion codes (E33).

Each offer and coupon is read at Stripe, compared, and only what differs is changed, so that a second run changes
nothing, and a run that broke off is made up for by the next. Never inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from billing.domain.syncing import Do, Step, What, counts
from billing.gateway import StripeRefused
from billing.models import Coupon, MerchantProfile, Offer
from billing.selectors.catalogue import coupons_whole, merchant_of, offers_whole
from billing.services.syncing_coupons import coupon_pass
from billing.services.syncing_offers import offer_pass
from billing.stripe_catalogue import why_not
from history.domain.kinds import Kind
from history.services import record
from licenses.gates import catalogue_guard


def catalogue_sync(*, actor: str, at: datetime, dry_run: bool = False) -> list[Step]:
    """Tell Stripe what differs; with `dry_run` only find out. The steps, done or to be done, in their order.

    What Stripe refuses is a step of its own, and the rest goes on. Raises StripeUnavailable (503): what was
    done until then stays, and the next run goes on from there. CatalogueGuarded (403) while our own license is
    not valid (E27); finding out goes on.
    """
    if not dry_run:
        catalogue_guard(at)
    steps: list[Step] = []
    for merchant, offers, coupons in _by_merchant():
        mine: list[Step] = []
        try:
            for offer in offers:
                steps_of = offer_pass(merchant, offer, at=at, dry_run=dry_run)
                mine += _isolated(What.PRODUCT, offer.slug, steps_of)
            for coupon in coupons:
                steps_of = coupon_pass(merchant, coupon, at=at, dry_run=dry_run)
                mine += _isolated(What.COUPON, coupon.code, steps_of)
        finally:
            if not dry_run and any(step.changing for step in mine):
                _record(merchant, mine, actor, at)
        steps += mine
    return [*steps, *_left_out()]


def _isolated(what: What, name: str, work: Iterator[Step]) -> list[Step]:
    """The steps of one offer or coupon; a refusal of Stripe's ends them as a step that says so."""
    steps: list[Step] = []
    try:
        for step in work:
            steps.append(step)  # noqa: PERF402 - those before a refusal are kept
    except StripeRefused as refusal:
        steps.append(Step(Do.REFUSED, what, name, reason=refusal.detail))
    return steps


def _by_merchant() -> Iterator[tuple[MerchantProfile, list[Offer], list[Coupon]]]:
    """Every profile that sells, with its offers and with the coupons for these alone."""
    groups: dict[int, tuple[MerchantProfile, list[Offer], list[Coupon]]] = {}
    for offer in offers_whole():
        merchant = merchant_of(offer)
        groups.setdefault(merchant.pk, (merchant, [], []))[1].append(offer)
    for coupon in coupons_whole().order_by("code"):
        sellers = _sellers(coupon, list(groups))
        if not why_not(coupon) and len(sellers) == 1:
            groups[sellers.pop()][2].append(coupon)
    yield from groups.values()


def _sellers(coupon: Coupon, everybody: list[int]) -> set[int]:
    """Keys of the profiles that sell what a coupon is for; one for no offer in particular is for all."""
    named = {merchant_of(offer).pk for offer in coupon.offers.all()}
    return named or set(everybody)


def _left_out() -> Iterator[Step]:
    """Coupons that do not stand at Stripe, with the reason."""
    everybody = list({merchant_of(offer).pk for offer in offers_whole()})
    for coupon in coupons_whole().filter(active=True).order_by("code"):
        reason = why_not(coupon)
        if not reason and len(_sellers(coupon, everybody)) > 1:
            reason = "Its offers are sold through several Stripe accounts."
        if reason:
            yield Step(Do.SKIPPED, What.COUPON, coupon.code, reason=reason)


def _record(merchant: MerchantProfile, steps: list[Step], actor: str, at: datetime) -> None:
    with transaction.atomic():
        record(
            kind=Kind.CATALOGUE_SYNCED,
            subject=f"merchant:{merchant.slug}",
            actor=actor,
            data={"steps": counts(steps)},
            at=at,
        )
