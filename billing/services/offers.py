"""Offers of the catalogue: made, changed, switched on and off (E9, E11, E26). They are never deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from billing.domain.offers import offer_problems
from billing.entries import below
from billing.errors import (
    BelowUnitsHeld,
    ConfigManaged,
    Exists,
    FixedOnceSold,
    SeatLimitExceeded,
    invalid,
)
from billing.models import BundleItem, Offer, PriceTier
from billing.selectors.catalogue import offer_units_held
from billing.selectors.seats import seat_queue, seat_usage
from billing.services.coupons import coupon_create
from billing.terms import offer_facts_of
from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.domain.kinds import Kind
from history.domain.screening import UnfitError, check_subject
from history.services import record
from licenses.gates import catalogue_guard

FIELDS = frozenset(
    {
        "slug", "lookup_key", "name", "description", "features", "plan", "merchant", "type", "pricing", "currency",
        "amount_minor", "per_unit", "interval", "interval_count", "term_days", "maintenance", "maintenance_days",
        "maintenance_amount_minor", "default_seats", "min_managed_products", "max_managed_products",
        "max_license_total", "active", "internal", "default_for", "position", "metadata",
    }
)  # fmt: skip
FIXED_ONCE_SOLD = ("lookup_key", "type", "currency")
TIER_FIELDS = ("up_to", "amount_minor", "factor", "per_unit")
ITEM_FIELDS = ("plan", "quantity", "managed_products")
Rows = Iterable[Mapping[str, Any]]


def offer_create(
    *,
    tiers: Rows = (),
    items: Rows = (),
    coupons: Rows = (),
    config_managed: bool = False,
    actor: str,
    at: datetime,
    **fields: Any,
) -> Offer:
    """Add an offer with its price steps or components and its coupons, all or nothing.

    `tiers` hold `TIER_FIELDS`, `items` `ITEM_FIELDS`, `coupons` what `coupon_create` takes. The lookup key
    defaults to the slug. Raises Invalid with one entry a field, Exists, SeatLimitExceeded, and TierCap (402)
    for a coupon too many; CatalogueGuarded (403) while our own license is not valid (E27).
    """
    catalogue_guard(at)
    given = {"lookup_key": fields.get("slug", ""), **_known(fields, FIELDS)}
    row = Offer(**given, config_managed=config_managed, created_at=at)
    steps, parts = _tiers(row, tiers), _items(row, items)
    _check(row, steps, parts)
    with transaction.atomic():
        if row.active:
            seat_queue()
            _take_seat()
        _free_default(row, actor, at)
        _insert(row)
        PriceTier.objects.bulk_create(steps)
        BundleItem.objects.bulk_create(parts)
        _record(Kind.OFFER_CREATED, row, sorted(given), actor, at)
        for place, coupon in enumerate(coupons):
            _add_coupon(row, place, coupon, actor, at)
    return row


def offer_update(
    *,
    offer: Offer,
    tiers: Rows | None = None,
    items: Rows | None = None,
    by_file: bool = False,
    actor: str,
    at: datetime,
    **fields: Any,
) -> Offer:
    """Change an offer for the purchases still to come; given `tiers` or `items` replace the old ones.

    `by_file` is said by the catalogue file alone, which takes the entry over. Raises Invalid, Exists,
    ConfigManaged, FixedOnceSold, BelowUnitsHeld (E9), SeatLimitExceeded, CatalogueGuarded (E27).
    """
    catalogue_guard(at)
    if fields.get("slug", offer.slug) != offer.slug:
        raise Invalid([FieldError("slug", "fixed", "The slug stands in addresses and in the history.")])
    with transaction.atomic():
        if fields.get("active"):
            seat_queue()
        row = _lock(offer, str(fields.get("default_for", "")))
        if row.config_managed and not by_file:
            raise ConfigManaged
        if fields.get("active") and not row.active:
            _take_seat()
        changed = _assign(row, _known(fields, FIELDS))
        old_steps, old_parts = list(row.tiers.all()), list(row.items.select_related("plan"))
        steps = old_steps if tiers is None else _tiers(row, tiers)
        parts = old_parts if items is None else _items(row, items)
        _check(row, steps, parts)
        _check_against_sales(row, changed)
        changed += _take_over(row, by_file=by_file)
        if "default_for" in changed:
            _free_default(row, actor, at)
        if changed:
            _save(row, changed)
        changed += _replace(row, "tiers", TIER_FIELDS, old_steps, steps)
        changed += _replace(row, "items", ITEM_FIELDS, old_parts, parts)
        if changed:
            _record(Kind.OFFER_CHANGED, row, changed, actor, at)
    return row


def _add_coupon(row: Offer, place: int, fields: Mapping[str, Any], actor: str, at: datetime) -> None:
    try:
        coupon_create(**{**fields, "offers": [row], "actor": actor, "at": at})
    except Invalid as error:
        raise below(error, f"coupons.{place}") from error


def _lock(offer: Offer, default_for: str) -> Offer:
    """Lock the offer, and the default that it takes the place of, in one order for everybody."""
    wanted = Q(pk=offer.pk) | (Q(default_for=default_for) if default_for else Q())
    rows = locked(Offer.objects.select_related("plan").filter(wanted).order_by("pk"))
    return next(row for row in rows if row.pk == offer.pk)


def _take_seat() -> None:
    """E26: one active offer more must fit into our own license. In the queue only."""
    usage = seat_usage()
    if usage.limit is not None and usage.total + 1 > usage.limit:
        raise SeatLimitExceeded(limit=usage.limit, required=usage.total + 1)


def _check(row: Offer, steps: Sequence[PriceTier], parts: Sequence[BundleItem]) -> None:
    check_fields(row, FIELDS)
    for place, step in enumerate(steps):
        _check_part(step, f"tiers.{place}")
    for place, part in enumerate(parts):
        _check_part(part, f"components.{place}")
    problems = offer_problems(offer_facts_of(row, steps, parts))
    if problems:
        raise invalid(problems)
    try:
        check_subject(f"offer:{row.slug}")
    except UnfitError as error:
        raise Invalid([FieldError("slug", "unfit_name", f"Not as a name: {error}.")]) from error


def _check_part(part: PriceTier | BundleItem, where: str) -> None:
    names = TIER_FIELDS if isinstance(part, PriceTier) else ITEM_FIELDS
    try:
        check_fields(part, names)
    except Invalid as error:
        raise below(error, where) from error


def _check_against_sales(row: Offer, changed: Sequence[str]) -> None:
    fixed = [name for name in FIXED_ONCE_SOLD if name in changed]
    if not fixed and "max_license_total" not in changed:
        return
    held = offer_units_held(row)
    if fixed and held:
        raise FixedOnceSold(f"{', '.join(fixed)}: {held} units are sold or on their way.", fields=fixed)
    if row.max_license_total is not None and row.max_license_total < held:
        raise BelowUnitsHeld(f"{held} units are sold or on their way; the cap cannot be lower.", held=held)


def _free_default(row: Offer, actor: str, at: datetime) -> None:
    """There is one default of each type: the one before no longer is."""
    if not row.default_for:
        return
    for other in locked(Offer.objects.filter(default_for=row.default_for).exclude(pk=row.pk)):
        other.default_for = ""
        other.save(update_fields=["default_for"])
        _record(Kind.OFFER_CHANGED, other, ["default_for"], actor, at)


def _take_over(row: Offer, *, by_file: bool) -> list[str]:
    if not by_file or row.config_managed:
        return []
    row.config_managed = True
    return ["config_managed"]


def _tiers(row: Offer, tiers: Rows) -> list[PriceTier]:
    return [PriceTier(offer=row, **_known(tier, frozenset(TIER_FIELDS), f"tiers.{n}."))
            for n, tier in enumerate(tiers)]  # fmt: skip


def _items(row: Offer, items: Rows) -> list[BundleItem]:
    return [BundleItem(bundle=row, **_known(item, frozenset(ITEM_FIELDS), f"components.{n}."))
            for n, item in enumerate(items)]  # fmt: skip


def _replace(
    row: Offer, name: str, fields: Sequence[str], old: Sequence[Any], new: Sequence[Any]
) -> list[str]:
    """Write the new rows in the place of the old ones, unless they say the same."""
    if _said(fields, old) == _said(fields, new):
        return []
    getattr(row, name).all().delete()
    type(new[0] if new else old[0])._default_manager.bulk_create(new)
    return [name]


def _said(fields: Sequence[str], rows: Sequence[Any]) -> set[tuple[Any, ...]]:
    return {tuple(getattr(row, name) for name in fields) for row in rows}


def _insert(row: Offer) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise _exists(row) from error


def _save(row: Offer, changed: list[str]) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=changed)
    except IntegrityError as error:
        raise _exists(row) from error


def _exists(row: Offer) -> Exists:
    return Exists(f"There is a product with the slug {row.slug} or the lookup key {row.lookup_key} already.")


def _known(fields: Mapping[str, Any], known: frozenset[str], prefix: str = "") -> dict[str, Any]:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise Invalid([FieldError(prefix + n, "unknown_field", f"There is no field {n}.") for n in unknown])
    return dict(fields)


def _assign(row: Offer, fields: Mapping[str, Any]) -> list[str]:
    changed = sorted(name for name, value in fields.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, fields[name])
    return changed


def _record(kind: Kind, row: Offer, changed: Sequence[str], actor: str, at: datetime) -> None:
    data = {
        "fields": list(changed), "type": str(row.type), "active": row.active, "currency": row.currency,
        "amount_minor": row.amount_minor, "max_license_total": row.max_license_total,
    }  # fmt: skip
    record(kind=kind, subject=f"offer:{row.slug}", actor=actor, data=data, at=at)
