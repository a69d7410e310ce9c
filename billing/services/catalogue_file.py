"""The catalogue file: merchants, products and coupons kept in YAML, a License Operator's own file among them (E4).

The file says all that it keeps: an entry that it named once and names no more is switched off, never deleted.
All or nothing; a dry run does everything and takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from rest_framework import serializers

from billing.entries import coupon_fields, entries_of, offer_fields
from billing.models import Coupon, MerchantProfile, Offer
from billing.operator_file import in_our_words
from billing.selectors.seats import seat_queue
from billing.services.coupons import coupon_create, coupon_update
from billing.services.merchants import merchant_create, merchant_make_default, merchant_update
from billing.services.offers import offer_create, offer_update
from config.kit.errors import FieldError, Invalid, Refusal
from licenses.gates import catalogue_guard
from licenses.models import Plan, Product
from licenses.services.catalogue import plan_create, product_create

LEFT_OUT = "·"
BUNDLED = frozenset({"components", "items"})
STANDARD = "standard"
"""The plan of a product whose entry names none and that has none yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the diff: `+` made, `~` changed, `-` switched off, `·` left out, because it means nothing here.

    `fields` are old and new values by name.
    """

    sign: str
    what: str
    fields: Mapping[str, tuple[Any, Any]]

    @property
    def changes(self) -> bool:
        return self.sign != LEFT_OUT


def catalogue_load(
    *, document: Mapping[str, Any], dry_run: bool = False, actor: str, at: datetime
) -> list[Change]:
    """Bring the catalogue to what the file says; return what changed, or with `dry_run` would change.

    Raises Invalid whose fields begin with the place in the file, and what the services raise.
    """
    catalogue_guard(at)
    with transaction.atomic():
        changes = list(_load(_Entries.of(document), actor, at))
        if dry_run:
            transaction.set_rollback(True)
    return changes


@dataclass(frozen=True, slots=True)
class _Entries:
    merchants: list[dict[str, Any]]
    products: list[dict[str, Any]]
    coupons: list[dict[str, Any]]
    left_out: list[tuple[str, str]]

    @classmethod
    def of(cls, file: Mapping[str, Any]) -> _Entries:
        """Coupons stand below their products or beside them; bundles come after what they hold."""
        document = in_our_words(file)
        products = document["products"]
        nested = [
            {**coupon, "offers": [*_slugs(coupon), product["slug"]]}
            for product in products
            for coupon in product.get("coupons") or ()
        ]
        bare = [{n: v for n, v in product.items() if n != "coupons"} for product in products]
        return cls(
            merchants=entries_of(document, "merchants", "slug"),
            products=sorted(bare, key=lambda row: bool(BUNDLED & row.keys())),
            coupons=_merged([*document["coupons"], *nested]),
            left_out=document["left_out"],
        )


def _slugs(coupon: Mapping[str, Any]) -> list[Any]:
    """The products that a coupon names. Raises Invalid."""
    found = coupon.get("offers") or []
    if not isinstance(found, list):
        where = f"coupons.{coupon['code']}.offers"
        raise Invalid([FieldError(where, "malformed", f"{where}: offers is a list of slugs.")])
    return found


def _merged(coupons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A code that stands below several products is one coupon for all of them."""
    found: dict[str, dict[str, Any]] = {}
    for coupon in coupons:
        code = coupon["code"].strip().upper()
        offers = [*found.get(code, {}).get("offers", ()), *_slugs(coupon)]
        found[code] = {**coupon, "code": code, **({"offers": list(dict.fromkeys(offers))} if offers else {})}
    return list(found.values())


def _load(entries: _Entries, actor: str, at: datetime) -> Iterator[Change]:
    by: dict[str, Any] = {"actor": actor, "at": at}
    seat_queue()
    yield from _switched_off(entries, by)  # first: what takes their place may need the room
    for row in entries.merchants:
        yield from _placed(f"merchants.{row['slug']}", _merchant(row, by))
    defaults = [row["slug"] for row in entries.merchants if row.get("default") is True]
    if len(defaults) > 1:
        detail = f"merchants: one profile is the default, not {' and '.join(defaults)}."
        raise Invalid([FieldError("merchants", "duplicate", detail)])
    for row in sorted(entries.merchants, key=lambda row: row.get("default") is not True):
        yield from _placed(f"merchants.{row['slug']}", _default_merchant(row, by))
    for row in entries.products:
        yield from _placed(f"products.{row['slug']}", _product(row, by))
    for row in entries.coupons:
        yield from _placed(f"coupons.{row['code']}", _coupon(row, by))
    for slug, name in entries.left_out:
        yield Change(LEFT_OUT, f"product {slug}: {name} means nothing here", {})


def _placed(where: str, work: Iterator[Change]) -> Iterator[Change]:
    """The place in the file stands in front of whatever is refused."""
    try:
        yield from work
    except Invalid as error:
        raise Invalid([FieldError(f"{where}.{one.field}", one.code, f"{where}: {one.field}: {one.detail}")
                       for one in error.errors]) from error  # fmt: skip
    except Refusal as refusal:
        refusal.detail = f"{where}: {refusal.detail}"
        refusal.args = (refusal.detail,)
        raise


def _merchant(entry: dict[str, Any], by: dict[str, Any]) -> Iterator[Change]:
    row = MerchantProfile.objects.filter(slug=entry["slug"]).first()
    fields = {name: value for name, value in entry.items() if name != "default"}
    _check_secrets(fields)
    if row is None:
        merchant_create(**{"name": entry["slug"], **fields}, **by)
        yield Change("+", f"merchant {entry['slug']}", {})
        return
    plain = {name: value for name, value in fields.items() if name not in {"api_key", "webhook_secrets"}}
    before = _values(row, plain)
    changed = merchant_update(merchant=row, **plain, **by)
    yield from _changed(f"merchant {row.slug}", before, _values(changed, plain))


def _check_secrets(fields: Mapping[str, Any]) -> None:
    secrets = fields.get("webhook_secrets", [])
    if not isinstance(fields.get("api_key", ""), str):
        raise Invalid([FieldError("api_key", "malformed", "api_key is a text.")])
    if not isinstance(secrets, list) or not all(isinstance(one, str) for one in secrets):
        raise Invalid([FieldError("webhook_secrets", "malformed", "webhook_secrets is a list of texts.")])


def _default_merchant(entry: dict[str, Any], by: dict[str, Any]) -> Iterator[Change]:
    """Who sells what names nobody (C32); what is said of it is done after every profile is there."""
    wanted, row = entry.get("default"), MerchantProfile.objects.get(slug=entry["slug"])
    if wanted is None or wanted is row.is_default:
        return
    if wanted is not True:
        detail = (
            "One profile is the default: say `default: true` of it." if wanted is False else "true or false."
        )
        raise Invalid([FieldError("default", "invalid", detail)])
    merchant_make_default(merchant=row, **by)
    yield Change("~", f"merchant {row.slug}", {"default": (False, True)})


def _product(entry: dict[str, Any], by: dict[str, Any]) -> Iterator[Change]:
    slug = entry["slug"]
    yield from _licensed(entry, by)
    fields = offer_fields({name: value for name, value in entry.items() if name != "slug"}, slug=slug)
    row = Offer.objects.filter(slug=slug).first()
    if row is None:
        offer_create(slug=slug, **{"name": slug, **fields}, config_managed=True, **by)
        yield Change("+", f"product {slug}", {})
        return
    before = _values(row, fields)
    changed = offer_update(offer=row, by_file=True, **fields, **by)
    yield from _changed(f"product {slug}", before, _values(changed, fields))


def _licensed(entry: dict[str, Any], by: dict[str, Any]) -> Iterator[Change]:
    """The product and plan that licenses are cut from, made where the file names new ones."""
    key = entry.get("product_key") or entry.get("productKey")
    if not key:
        return
    entry.pop("productKey", None)
    entry["product_key"] = key
    product = Product.objects.filter(product_key=key).first()
    if product is None:
        product = product_create(product_key=str(key), name=str(key), **by)
        yield Change("+", f"licensed product {key}", {})
    code = entry.get("plan")
    if not code and not product.plans.exists():
        code = entry["plan"] = STANDARD
    if code and not Plan.objects.filter(product=product, slug=code).exists():
        plan_create(product=product, slug=str(code), name=str(code).title(), duration_days=_days(entry), **by)
        yield Change("+", f"plan {key}/{code}", {})


def _days(entry: Mapping[str, Any]) -> int:
    days = entry.get("term_days")
    return days if isinstance(days, int) else 365


def _coupon(entry: dict[str, Any], by: dict[str, Any]) -> Iterator[Change]:
    fields = coupon_fields(_with_instants(entry))
    row = Coupon.objects.filter(code=entry["code"]).first()
    if row is None:
        coupon_create(**fields, config_managed=True, **by)
        yield Change("+", f"coupon {entry['code']}", {})
        return
    before = _values(row, fields)
    changed = coupon_update(coupon=row, by_file=True, **fields, **by)
    yield from _changed(f"coupon {row.code}", before, _values(changed, fields))


def _with_instants(entry: dict[str, Any]) -> dict[str, Any]:
    """YAML may read an instant as one already, or leave it a text."""
    if entry.get("expires_at") is None:
        return entry
    try:
        return {**entry, "expires_at": serializers.DateTimeField().to_internal_value(entry["expires_at"])}
    except serializers.ValidationError as error:
        raise Invalid([FieldError("expires_at", "invalid", "An RFC 3339 instant is needed.")]) from error


def _switched_off(entries: _Entries, by: dict[str, Any]) -> Iterator[Change]:
    kept = {row["slug"] for row in entries.products if row.get("active") is not False}
    for offer in Offer.objects.filter(config_managed=True, active=True).exclude(slug__in=kept):
        offer_update(offer=offer, by_file=True, active=False, **by)
        yield Change("-", f"product {offer.slug}", {"active": (True, False)})
    codes = {row["code"] for row in entries.coupons if row.get("active") is not False}
    for coupon in Coupon.objects.filter(config_managed=True, active=True).exclude(code__in=codes):
        coupon_update(coupon=coupon, by_file=True, active=False, **by)
        yield Change("-", f"coupon {coupon.code}", {"active": (True, False)})


def _values(row: Offer | Coupon | MerchantProfile, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the row of these fields, in words that can be compared and read."""
    return {name: _said(row, name) for name in sorted({*fields, "config_managed"}) if hasattr(row, name)}


def _said(row: Any, name: str) -> Any:
    value = getattr(row, name)
    if name == "tiers":
        return [
            f"{tier}: {tier.amount_minor or f'x {tier.factor.normalize():f}'}"
            for tier in value.order_by("up_to")
        ]
    if name == "items":
        return [
            f"{item.quantity} x {item.plan.slug}" for item in value.select_related("plan").order_by("plan_id")
        ]
    if name == "offers":
        return sorted(offer.slug for offer in value.all())
    return value if isinstance(value, str | int | float | bool | None | list | dict) else str(value)


def _changed(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    fields = {name: (before[name], after[name]) for name in after if before.get(name) != after[name]}
    if fields:
        yield Change("~", what, fields)
