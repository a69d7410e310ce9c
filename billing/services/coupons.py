"""Coupons: made, changed, deleted; and their slots, which a checkout takes and pays for or gives back (C26, E13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Account
from billing.domain.coupons import CouponFacts, CouponUse, broken_rules, coupon_problems
from billing.domain.enums import RedemptionState
from billing.errors import ConfigManaged, CouponRefused, CouponUsed, Exists, FixedOnceSold, invalid
from billing.models import Checkout, Coupon, Offer, Redemption
from billing.selectors.catalogue import coupon_slots_taken, coupons_whole
from billing.terms import coupon_rules_of, coupon_terms_of
from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.domain.kinds import Kind
from history.domain.screening import UnfitError, check_subject
from history.services import record
from licenses.domain.tier_caps import Cap
from licenses.gates import cap_require, catalogue_guard

FIELDS = frozenset(
    {
        "code", "name", "active", "featured", "referrer", "behavior", "override_offer", "discount", "percent_bps",
        "amount_minor", "currency", "duration", "duration_months", "max_total", "max_per_group",
        "min_managed_products", "max_managed_products", "expires_at", "metadata",
    }
)  # fmt: skip


def coupon_create(
    *,
    offers: Iterable[Offer] = (),
    config_managed: bool = False,
    actor: str,
    at: datetime,
    **fields: Any,
) -> Coupon:
    """Add a coupon for these offers; none at all means every offer. The code is kept in capitals.

    Raises Invalid with one entry a field, Exists, TierCap (402) for one active too many (C12) and
    CatalogueGuarded (403, E27), as everything about the catalogue does.
    """
    catalogue_guard(at)
    row = Coupon(**_known(fields), config_managed=config_managed, created_at=at)
    row.code = row.code.strip().upper()
    given = list(offers)
    _check(row, given)
    with transaction.atomic():
        if row.active:
            cap_require(Cap.COUPONS, at=at)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise Exists(f"There is a coupon {row.code} already.") from error
        row.offers.set(given)
        _record(Kind.COUPON_CREATED, row, sorted(fields), actor, at)
    return row


def coupon_update(
    *,
    coupon: Coupon,
    offers: Iterable[Offer] | None = None,
    by_file: bool = False,
    actor: str,
    at: datetime,
    **fields: Any,
) -> Coupon:
    """Change a coupon for the uses still to come; slots that are taken stay. Raises Invalid, ConfigManaged.

    What it takes off is fixed once it has been used: buyers were told. Switching one on may raise TierCap (C12).
    """
    catalogue_guard(at)
    if str(fields.get("code", coupon.code)).strip().upper() != coupon.code:
        raise Invalid([FieldError("code", "fixed", "A code stays; make another coupon.")])
    fields.pop("code", None)
    with transaction.atomic():
        row = locked(coupons_whole().filter(pk=coupon.pk)).get()
        if row.config_managed and not by_file:
            raise ConfigManaged
        if fields.get("active") and not row.active:
            cap_require(Cap.COUPONS, at=at)
        changed = sorted(name for name, value in _known(fields).items() if getattr(row, name) != value)
        for name in changed:
            setattr(row, name, fields[name])
        before = set(row.offers.all())
        after = before if offers is None else set(offers)
        _check(row, after)
        _refuse_once_used(row, changed)
        if by_file and not row.config_managed:
            row.config_managed = True
            changed.append("config_managed")
        if changed:
            row.save(update_fields=changed)
        if after != before:
            row.offers.set(after)
            changed.append("offers")
        if changed:
            _record(Kind.COUPON_CHANGED, row, changed, actor, at)
    return coupons_whole().get(pk=row.pk)


def coupon_delete(*, coupon: Coupon, by_file: bool = False, actor: str, at: datetime) -> None:
    """Remove a coupon that nobody ever used. Raises CouponUsed (409): then it can only be switched off (C26)."""
    catalogue_guard(at)
    with transaction.atomic():
        row = locked(Coupon.objects.filter(pk=coupon.pk)).get()
        if row.config_managed and not by_file:
            raise ConfigManaged
        if row.redemptions.exists() or row.checkouts.exists():
            raise CouponUsed
        _record(Kind.COUPON_DELETED, row, [], actor, at)
        row.delete()


def coupon_check(
    *, coupon: Coupon, offer: Offer, managed_products: int, account: Account | None, at: datetime
) -> None:
    """Refuse a coupon for this use, naming every rule that does (E13): raises CouponRefused (400).

    `offer` is what the buyer asked for, before a product override. Only under a lock of the coupon's row
    (`coupon_reserve`) does the answer still hold a moment later.
    """
    use = CouponUse(
        offer=offer.slug,
        currency=offer.currency,
        managed_products=managed_products,
        at=at,
        used=coupon_slots_taken(coupon),
        used_by_group=coupon_slots_taken(coupon, account) if account else None,
    )
    broken = list(broken_rules(coupon_rules_of(coupon), use))
    if broken:
        raise CouponRefused.of(broken)


def coupon_reserve(
    *, coupon: Coupon, checkout: Checkout, account: Account | None, at: datetime, asked: Offer | None = None
) -> Redemption:
    """Take a slot of a coupon for a checkout, in the caller's transaction. Raises CouponRefused (400).

    `asked` is the offer that the buyer named, when a product override sells another. Lock the offer's row
    before, never after.
    """
    row = locked(coupons_whole().filter(pk=coupon.pk)).get()
    coupon_check(
        coupon=row,
        offer=asked or checkout.offer,
        managed_products=checkout.managed_products,
        account=account,
        at=at,
    )
    return Redemption.objects.create(coupon=row, checkout=checkout, account=account, reserved_at=at)


def redemption_redeem(*, checkout: Checkout, at: datetime) -> bool:
    """The checkout is paid: its slot is used for good. False when it holds none."""
    return _end(checkout, RedemptionState.REDEEMED, at)


def redemption_release(*, checkout: Checkout, at: datetime) -> bool:
    """The checkout ended without money: its slot is free again. False when it holds none."""
    return _end(checkout, RedemptionState.RELEASED, at)


def _end(checkout: Checkout, state: RedemptionState, at: datetime) -> bool:
    rows = Redemption.objects.filter(checkout=checkout, state=RedemptionState.RESERVED)
    return bool(rows.update(state=state, ended_at=at))


FIXED_ONCE_USED = frozenset(
    {"behavior", "discount", "percent_bps", "amount_minor", "currency", "override_offer"}
)


def _refuse_once_used(row: Coupon, changed: Iterable[str]) -> None:
    fixed = sorted(FIXED_ONCE_USED.intersection(changed))
    if fixed and row.redemptions.exists():
        raise FixedOnceSold(f"{', '.join(fixed)}: the coupon has been used. Make another one.", fields=fixed)


def _check(row: Coupon, offers: Iterable[Offer]) -> None:
    check_fields(row, FIELDS)
    override = row.override_offer
    problems = coupon_problems(
        CouponFacts(
            terms=coupon_terms_of(row),
            behavior=row.behavior,
            has_override=override is not None,
            override_type=override.type if override else "",
            offer_currencies=frozenset(offer.currency for offer in offers),
            min_managed_products=row.min_managed_products,
            max_managed_products=row.max_managed_products,
            metadata=row.metadata,
        )
    )
    if problems:
        raise invalid(problems)
    try:
        check_subject(f"coupon:{row.code}")
    except UnfitError as error:
        raise Invalid([FieldError("code", "unfit_name", f"Not as a code: {error}.")]) from error


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"There is no field {name}.") for name in unknown])
    return dict(fields)


def _record(kind: Kind, row: Coupon, changed: Iterable[str], actor: str, at: datetime) -> None:
    data = {
        "fields": list(changed),
        "active": row.active,
        "discount": str(row.discount),
        "max_total": row.max_total,
    }
    record(kind=kind, subject=f"coupon:{row.code}", actor=actor, data=data, at=at)
