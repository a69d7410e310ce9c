"""One coupon told to Stripe: its terms as a coupon, its code as a promotion code (E33)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from billing import gateway
from billing.domain.syncing import Do, Step, What, changes_between, is_nothing
from billing.gateway import CouponFacts, PromotionCodeFacts
from billing.models import Coupon, MerchantProfile
from billing.stripe_catalogue import LONGEST_COUPON_NAME, OURS, coupon_id, coupon_of, coupon_told, redeemable


def coupon_pass(merchant: MerchantProfile, coupon: Coupon, *, at: datetime, dry_run: bool) -> Iterator[Step]:
    """Compare one coupon, and unless `dry_run` change what differs. One that cannot be used is never made."""
    stripe_id = coupon_id(coupon)
    found = gateway.coupon_read(merchant, stripe_id)
    code = gateway.promotion_code_read(merchant, coupon.code)
    if code is not None and code.active and not code.coupon.startswith(OURS):
        yield Step(
            Do.SKIPPED, What.PROMOTION_CODE, coupon.code, reason="Stripe has this code for another coupon."
        )
        return
    usable = redeemable(coupon, at)
    if found is None and usable:
        if not dry_run:
            gateway.coupon_create(merchant, _coupon_params(coupon, stripe_id))
        yield _coupon_step(merchant, coupon)
    promotion = _PromotionPass(merchant, coupon, stripe_id, code, usable=usable)
    yield from promotion.steps(dry_run=dry_run)
    if not dry_run and (usable or coupon.stripe_coupon):
        _keep(merchant, coupon, stripe_id, promotion.kept, at)


def _coupon_step(merchant: MerchantProfile, coupon: Coupon) -> Step:
    """A first coupon, or one that takes over from that of the terms before."""
    before = gateway.coupon_read(merchant, coupon.stripe_coupon) if coupon.stripe_coupon else None
    changes = changes_between(_terms(before) if before else None, coupon_of(coupon))
    return Step(Do.REPLACE if before else Do.CREATE, What.COUPON, coupon.code, changes)


def _terms(found: CouponFacts) -> dict[str, Any]:
    return {
        "percent_off": found.percent_off,
        "amount_off": found.amount_off_minor,
        "currency": found.currency,
        "duration": found.duration,
        "duration_in_months": found.duration_months,
    }


def _coupon_params(coupon: Coupon, stripe_id: str) -> dict[str, Any]:
    terms = {name: value for name, value in coupon_of(coupon).items() if not is_nothing(value)}
    name = (coupon.name or coupon.code)[:LONGEST_COUPON_NAME]
    return {"id": stripe_id, "name": name, "metadata": {"code": coupon.code}, **terms}


class _PromotionPass:
    """The promotion code of one coupon. `kept` is the id of the one that stands for it afterwards."""

    def __init__(
        self,
        merchant: MerchantProfile,
        coupon: Coupon,
        stripe_id: str,
        found: PromotionCodeFacts | None,
        *,
        usable: bool,
    ) -> None:
        self._merchant, self._coupon, self._stripe_id = merchant, coupon, stripe_id
        self._found, self._usable = found, usable
        self._ends = coupon.expires_at.replace(microsecond=0) if coupon.expires_at else None
        self.kept = found.id if found else ""

    def steps(self, *, dry_run: bool) -> Iterator[Step]:
        found, name = self._found, self._coupon.code
        if self._usable and (found is None or not self._fits(found)):
            before = {"coupon": found.coupon, "expires_at": _stamp(found.expires_at)} if found else None
            wanted: dict[str, Any] = {"coupon": self._stripe_id, "expires_at": _stamp(self._ends)}
            changes = changes_between(before, wanted)
            if not dry_run:
                self._replace()
            yield Step(Do.REPLACE if found else Do.CREATE, What.PROMOTION_CODE, name, changes)
        elif found is not None and found.active != self._usable:
            if not dry_run:
                gateway.promotion_code_switch(self._merchant, found.id, active=self._usable)
            changes = changes_between({"active": found.active}, {"active": self._usable})
            yield Step(Do.UPDATE if self._usable else Do.ARCHIVE, What.PROMOTION_CODE, name, changes)

    def _fits(self, found: PromotionCodeFacts) -> bool:
        return found.coupon == self._stripe_id and found.expires_at == self._ends

    def _replace(self) -> None:
        if self._found is not None and self._found.active:
            gateway.promotion_code_switch(self._merchant, self._found.id, active=False)
        params: dict[str, Any] = {
            "code": self._coupon.code,
            "promotion": {"type": "coupon", "coupon": self._stripe_id},
            "metadata": {"code": self._coupon.code},
        }
        if self._ends is not None:
            params["expires_at"] = int(self._ends.timestamp())
        self.kept = gateway.promotion_code_create(self._merchant, params).id


def _stamp(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _keep(
    merchant: MerchantProfile, coupon: Coupon, stripe_id: str, promotion_code: str, at: datetime
) -> None:
    """Write down what stands at Stripe now. The columns are this service's alone."""
    wanted: dict[str, Any] = {
        "stripe_coupon": stripe_id,
        "stripe_promotion_code": promotion_code,
        "synced_sha256": coupon_told(coupon),
        "synced_merchant_id": merchant.pk,
    }
    if all(getattr(coupon, name) == value for name, value in wanted.items()):
        return
    with transaction.atomic():
        Coupon.objects.filter(pk=coupon.pk).update(**wanted, synced_at=at)
