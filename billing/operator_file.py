"""The catalogue in a License Operator's `config.yaml`, in the words of our own catalogue file (E4).

There the products stand below `stripe`, and fields have names of their own. Source: the vendor's page on its
configuration, and the template of its docker-compose deployment. A file in our own words passes unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from billing.domain.enums import Behavior, OfferType, Pricing
from billing.entries import entries_of, mappings_of
from config.kit.errors import FieldError, Invalid

PRODUCT: Final = {
    "pricing_mode": "pricing", "billing_interval": "interval", "billing_interval_count": "interval_count",
    "term_duration_days": "term_days", "pricing_tiers": "tiers", "bundled_products": "components",
}  # fmt: skip
TIER: Final = {"upper_bound": "up_to", "amount": "amount_minor"}
COUPON: Final = {
    "stripe": "promotion", "override_slug": "override_offer", "override_product": "override_offer",
    "override_product_slug": "override_offer",
}  # fmt: skip
WITHOUT_MEANING: Final = ("stripe_product_id", "stripe_price_id", "trial_period_days")
"""Our sync finds its own products at Stripe by lookup key; trials are no part of an offer here."""
FLAT: Final = frozenset({"recurring", "one_time"})
ONCE: Final = "one_time"
DEFAULTS: Final = {
    "default_subscription_slug": OfferType.SUBSCRIPTION,
    "default_one_off_slug": OfferType.ONE_OFF,
}
SECTIONS: Final = ("merchants", "products", "coupons")


def in_our_words(document: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a file with every field under our own name.

    `left_out` says of which product which fields mean nothing here. Raises Invalid for a file without a
    catalogue, which would otherwise switch everything off.
    """
    stripe = document.get("stripe")
    stripe = stripe if isinstance(stripe, Mapping) else {}
    if "products" not in stripe and not any(name in document for name in SECTIONS):
        detail = "The file holds no catalogue. Write `products: []` to switch all of it off."
        raise Invalid([FieldError("products", "required", detail)])
    rows = [*entries_of(document, "products", "slug"), *entries_of(stripe, "products", "slug")]
    once = stripe.get("default_one_off_slug")
    products = [_product(row, f"products.{row['slug']}", once) for row in rows]
    coupons = [_coupon(row) for row in entries_of(document, "coupons", "code")]
    return {
        **document,
        "products": _with_defaults(products, stripe),
        "coupons": coupons,
        "left_out": list(_left_out(rows)),
    }


def _product(entry: Mapping[str, Any], where: str, once: Any) -> dict[str, Any]:
    fields = _renamed(entry, PRODUCT, where)
    bundle = "bundled_products" in entry
    skipped = {*WITHOUT_MEANING, "unit_amount", "base_amount", *(("product_key", "plan") if bundle else ())}
    fields = {name: value for name, value in fields.items() if name not in skipped}
    if fields.get("pricing") in FLAT:
        fields["pricing"] = Pricing.FIXED.value
    if fields.get("interval") == ONCE:
        fields["interval"] = ""
    amounts = [entry[name] for name in _amounts(fields) if entry.get(name) is not None]
    if amounts:
        fields.setdefault("amount_minor", amounts[0])
    if "tiers" in fields:
        fields["tiers"] = [_tier(row, where) for row in mappings_of(fields["tiers"], f"{where}.tiers")]
    if "coupons" in fields:
        fields["coupons"] = [
            _coupon(row, entry, once) for row in entries_of(fields, "coupons", "code", where)
        ]
    return fields


def _amounts(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Which amount counts first: the base where there are steps, else the price."""
    tiered = fields.get("pricing") == Pricing.TIERED
    return ("base_amount", "unit_amount") if tiered else ("unit_amount", "base_amount")


def _tier(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    fields = _renamed(entry, TIER, f"{where}.tiers")
    if isinstance(fields.get("factor"), float):
        fields["factor"] = Decimal(str(fields["factor"]))
    return fields


def _coupon(
    entry: Mapping[str, Any], product: Mapping[str, Any] | None = None, once: Any = ""
) -> dict[str, Any]:
    """A product override that names no product sells the one that it stands below, else the default one-off."""
    fields = _renamed(entry, COUPON, f"coupons.{entry['code']}")
    if product is not None and fields.get("behavior") == Behavior.PRODUCT_OVERRIDE:
        below = product["slug"] if product.get("type") == OfferType.ONE_OFF else once
        fields.setdefault("override_offer", below)
    return fields


def _renamed(entry: Mapping[str, Any], names: Mapping[str, str], where: str) -> dict[str, Any]:
    ours = [names.get(name, name) for name in entry]
    twice = sorted({name for name in ours if ours.count(name) > 1})
    if twice:
        raise Invalid([FieldError(f"{where}.{n}", "one_of", f"{where}: {n} is said twice.") for n in twice])
    return dict(zip(ours, entry.values(), strict=True))


def _with_defaults(products: Sequence[dict[str, Any]], stripe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Which entries are sold when nothing is named stands beside the products, by their slugs."""
    named = {stripe[name]: kind for name, kind in DEFAULTS.items() if stripe.get(name)}
    slugs = {row["slug"] for row in products}
    unknown = [
        FieldError(f"stripe.{name}", "unknown_product", f"stripe.{name}: there is no product {stripe[name]}.")
        for name in DEFAULTS
        if stripe.get(name) and stripe[name] not in slugs
    ]
    if unknown:
        raise Invalid(unknown)
    if not named:
        return list(products)
    return [{"default_for": str(named.get(row["slug"], "")), **row} for row in products]


def _left_out(products: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for row in products:
        for name in WITHOUT_MEANING:
            if row.get(name):
                yield row["slug"], name
