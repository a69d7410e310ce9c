"""From entries of the catalogue, as the API and the catalogue file write them, to what the services take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from billing.domain.enums import Discount
from billing.models import Offer
from billing.selectors.catalogue import merchant_get
from config.kit.errors import FieldError, Invalid, Refusal
from licenses.domain.enums import Kind
from licenses.models import Plan, Product
from licenses.selectors import plan_by_code, product_by_key

ALIASES = {"pricing_tiers": "tiers", "items": "components"}
NAMES = ("product_key", "plan", "merchant")


def entries_of(section: Mapping[str, Any], name: str, key: str, where: str = "") -> list[dict[str, Any]]:
    """The entries of a list in a file, each with its `key`; a map of keys to entries is as good as a list."""
    place = f"{where}.{name}" if where else name
    found = section.get(name) or ()
    if isinstance(found, Mapping):
        found = [{key: of, **row} if isinstance(row := inner or {}, Mapping) else inner
                 for of, inner in found.items()]  # fmt: skip
    rows = mappings_of(found, place)
    for number, row in enumerate(rows):
        if not isinstance(row.get(key), str):
            raise Invalid([FieldError(f"{place}.{number}.{key}", "required", f"Each entry has a {key}.")])
    return rows


def mappings_of(value: Any, field: str) -> list[dict[str, Any]]:
    """A list of entries. Raises Invalid for anything else."""
    rows = [] if value is None else value
    if isinstance(rows, list | tuple) and all(isinstance(row, Mapping) for row in rows):
        return [dict(row) for row in rows]
    raise Invalid([FieldError(field, "malformed", f"{field} is a list of entries.")])


def _refuse_other_than_text(fields: Mapping[str, Any], names: Sequence[str]) -> None:
    bad = [name for name in names if not isinstance(fields.get(name), str | None)]
    if bad:
        raise Invalid([FieldError(name, "malformed", f"{name} is a text.") for name in bad])


def offer_fields(entry: Mapping[str, Any], *, slug: str) -> dict[str, Any]:
    """Fields of `offer_create` and `offer_update`: names of product, plan and merchant become rows.

    An entry names its plan by `product_key` and `plan`, or by `product_key` alone when that product has one
    commercial plan only. `components` make it a bundle (E11). Raises Invalid with one entry a field.
    """
    fields = {ALIASES.get(name, name): value for name, value in entry.items()}
    _refuse_other_than_text(fields, NAMES)
    if "tiers" in fields:
        fields["tiers"] = mappings_of(fields["tiers"], "tiers")
    if "components" in fields:
        fields["items"] = _items(mappings_of(fields.pop("components"), "components"), slug)
    if "product_key" in fields or "plan" in fields:
        key, code = fields.pop("product_key", None), fields.pop("plan", None)
        fields["plan"] = plan_named(key, code) if key or code else None
    if "merchant" in fields:
        fields["merchant"] = merchant_get(fields["merchant"]) if fields["merchant"] else None
    if "coupons" in fields:
        rows = mappings_of(fields["coupons"], "coupons")
        fields["coupons"] = [_coupon_of(row, place) for place, row in enumerate(rows)]
    return fields


def _coupon_of(entry: Mapping[str, Any], place: int) -> dict[str, Any]:
    try:
        return coupon_fields(entry)
    except Invalid as error:
        raise below(error, f"coupons.{place}") from error


def below(error: Invalid, where: str) -> Invalid:
    """The same problems, at fields of something that stands inside another."""
    return Invalid([FieldError(f"{where}.{one.field}", one.code, one.detail) for one in error.errors])


def plan_named(product_key: str | None, code: str | None, field: str = "plan") -> Plan:
    """The plan of a product by its code; without a code the product's only commercial one. Raises Invalid."""
    if not product_key:
        raise Invalid([FieldError(field.replace("plan", "product_key"), "required", "Of which product?")])
    try:
        product = product_by_key(product_key)
        return plan_by_code(product, code) if code else _only_plan(product, field)
    except Invalid:
        raise
    except Refusal as refusal:  # unknown product or plan
        where = field if refusal.code == "unknown_plan" else field.replace("plan", "product_key")
        raise Invalid([FieldError(where, refusal.code, refusal.detail)]) from refusal


def _only_plan(product: Product, field: str) -> Plan:
    rows = Plan.objects.filter(product=product, kind=Kind.COMMERCIAL, active=True, archived=False)
    found = list(rows.select_related("product")[:2])
    if len(found) != 1:
        raise Invalid(
            [FieldError(field, "required", f"{product.name} has not one plan only: name the plan.")]
        )
    return found[0]


def _items(components: Sequence[Mapping[str, Any]], slug: str) -> list[dict[str, Any]]:
    return [_item(dict(component), f"components.{place}", slug) for place, component in enumerate(components)]


def _item(component: dict[str, Any], where: str, slug: str) -> dict[str, Any]:
    """A component by product key and plan, or by the slug of another offer, whose plan it then is."""
    key, code = str(component.pop("product_key", "") or ""), component.pop("plan", None)
    if slug and key == slug:
        raise Invalid(
            [FieldError(f"{where}.product_key", "self_reference", "A bundle does not hold itself.")]
        )
    other = None if code else Offer.objects.filter(slug=key).select_related("plan__product").first()
    if other is None:
        return {"plan": plan_named(key, code, f"{where}.plan"), **component}
    if other.plan is None:
        raise Invalid([FieldError(f"{where}.product_key", "bundle", "A bundle holds no other bundle.")])
    return {"plan": other.plan, **component}


def coupon_fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `coupon_create` and `coupon_update`: a nested `promotion` is spread out, slugs become offers."""
    fields = dict(entry)
    promotion = fields.pop("promotion", None)
    if promotion:
        if not isinstance(promotion, Mapping):
            raise Invalid(
                [FieldError("promotion", "malformed", "promotion holds percent_off or amount_off.")]
            )
        fields |= _promotion(promotion, fields)
    if "override_offer" in fields:
        fields["override_offer"] = offer_named(fields["override_offer"], "override_offer")
    if "offers" in fields:
        slugs = fields["offers"] or ()
        if not isinstance(slugs, list | tuple):
            raise Invalid([FieldError("offers", "malformed", "offers is a list of slugs.")])
        fields["offers"] = [offer_named(slug, "offers") for slug in slugs]
    return fields


def offer_named(slug: str | None, field: str) -> Offer | None:
    """Raises Invalid for a slug that no offer has."""
    if not slug:
        return None
    row = Offer.objects.filter(slug=slug).first() if isinstance(slug, str) else None
    if row is None:
        raise Invalid([FieldError(field, "unknown_product", f"There is no product {str(slug)[:63]}.")])
    return row


PROMOTION = frozenset({"percent_off", "amount_off", "currency", "duration", "duration_in_months"})
SPREAD = ("discount", "percent_bps", "amount_minor", "currency", "duration", "duration_months")


def _promotion(promotion: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The License Operator's form of a discount (E12), in Stripe's words."""
    clash = [name for name in SPREAD if name in fields]
    unknown = sorted(set(promotion) - PROMOTION)
    if clash or unknown:
        raise Invalid(
            [FieldError(name, "one_of", "Say it here or in `promotion`.") for name in clash]
            + [FieldError(f"promotion.{n}", "unknown_field", f"There is no field {n}.") for n in unknown]
        )
    percent, amount = promotion.get("percent_off"), promotion.get("amount_off")
    if (percent is None) == (amount is None):
        raise Invalid([FieldError("promotion.percent_off", "one_of", "Give percent_off or amount_off.")])
    said: dict[str, Any] = {"duration": promotion.get("duration", "once"),
                            "duration_months": promotion.get("duration_in_months")}  # fmt: skip
    if percent is None:
        return {
            **said, "discount": Discount.FIXED, "amount_minor": amount, "currency": promotion.get("currency", ""),
            "percent_bps": 0,
        }  # fmt: skip
    try:
        points = (Decimal(str(percent)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    except InvalidOperation as error:
        raise Invalid(
            [FieldError("promotion.percent_off", "malformed", "percent_off is a number.")]
        ) from error
    return {
        **said,
        "discount": Discount.PERCENT,
        "percent_bps": int(points),
        "amount_minor": 0,
        "currency": "",
    }
