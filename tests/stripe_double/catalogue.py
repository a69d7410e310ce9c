"""Products, prices, coupons, promotion codes."""

from __future__ import annotations

from typing import Any

from tests.stripe_double.refusals import Refused, invalid
from tests.stripe_double.store import Shape, Store, merged


def product_create(store: Store, given: Shape) -> Shape:
    if store.find(given.get("id", "")):
        raise invalid("Product already exists.", "id", "resource_already_exists")
    fields = {
        "active": True,
        "default_price": None,
        "description": None,
        "images": [],
        "marketing_features": [],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": store.clock.now(),
        "url": None,
        **{name: value for name, value in given.items() if name != "expand"},
    }
    product = store.add("prod", "product", fields)
    store.emit("product.created", product)
    return product


def product_update(store: Store, name: str, given: Shape) -> Shape:
    product = store.get("product", name)
    for field in ("active", "description", "images", "marketing_features", "name", "unit_label", "tax_code"):
        if field in given:
            product[field] = given[field] if given[field] != "" else None
    merged(product, given)
    product["updated"] = store.clock.now()
    store.emit("product.updated", product)
    return product


def price_create(store: Store, given: Shape, *, inline: bool = False) -> Shape:
    """A price; `inline` ones are made by a checkout's `price_data` and cannot be bought again."""
    if "unit_amount" not in given:
        raise invalid("The double knows prices with a unit_amount only.", "unit_amount")
    if given["unit_amount"] < 0:
        raise invalid("This value must be greater than or equal to 0.", "unit_amount")
    product = _product_of(store, given, inline=inline)
    _claim_lookup_key(store, given)
    recurring = given.get("recurring")
    price = store.add(
        "price",
        "price",
        {
            "active": given.get("active", not inline),
            "billing_scheme": "per_unit",
            "currency": given["currency"].lower(),
            "custom_unit_amount": None,
            "lookup_key": given.get("lookup_key"),
            "metadata": given.get("metadata", {}),
            "nickname": given.get("nickname"),
            "product": product["id"],
            "recurring": _recurring(recurring) if recurring else None,
            "tax_behavior": given.get("tax_behavior", "unspecified"),
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if recurring else "one_time",
            "unit_amount": given["unit_amount"],
            "unit_amount_decimal": str(given["unit_amount"]),
        },
    )
    store.emit("price.created", price)
    return price


def _recurring(given: Shape) -> Shape:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _product_of(store: Store, given: Shape, *, inline: bool) -> Shape:
    if "product_data" in given:
        return product_create(store, {"active": not inline, **given["product_data"]})
    if "product" not in given:
        raise invalid("You must provide one of `product` or `product_data`.", "product")
    product = store.get("product", given["product"], "product")
    if not product["active"]:
        raise invalid(f"The product {product['id']} is not active.", "product")
    return product


def _claim_lookup_key(store: Store, given: Shape) -> None:
    key = given.get("lookup_key")
    holder = next(store.all("price", lookup_key=key), None) if key else None
    if holder is None:
        return
    if not given.get("transfer_lookup_key"):
        raise invalid(f"A price (`{holder['id']}`) already uses that lookup key.", "lookup_key")
    holder["lookup_key"] = None
    store.emit("price.updated", holder)


def price_update(store: Store, name: str, given: Shape) -> Shape:
    price = store.get("price", name)
    if given.get("lookup_key"):
        _claim_lookup_key(store, given)
    for field in ("active", "nickname", "lookup_key"):
        if field in given:
            price[field] = given[field]
    merged(price, given)
    store.emit("price.updated", price)
    return price


def price_chosen(store: Store, given: Shape, *, param: str) -> Shape:
    """The price of a line: named, or described in `price_data`. Raises Refused (400)."""
    if "price_data" in given:
        return price_create(store, given["price_data"], inline=True)
    if "price" not in given:
        raise invalid("You must specify either `price` or `price_data`.", param)
    price = store.get("price", given["price"], f"{param}[price]")
    if not price["active"]:
        raise invalid(f"The price specified is inactive: {price['id']}.", f"{param}[price]")
    return price


def coupon_create(store: Store, given: Shape) -> Shape:
    if ("percent_off" in given) == ("amount_off" in given):
        raise invalid("Must provide one of `percent_off` or `amount_off`.", "percent_off")
    if "amount_off" in given and "currency" not in given:
        raise invalid("You must pass currency when passing amount_off.", "currency")
    if (
        given.get("percent_off", 1) <= 0
        or given.get("percent_off", 1) > 100
        or given.get("amount_off", 1) <= 0
    ):
        raise invalid("The discount must be positive and at most 100 percent.", "percent_off")
    repeating = given.get("duration") == "repeating"
    if repeating != ("duration_in_months" in given):
        raise invalid("`duration_in_months` goes with a repeating duration.", "duration_in_months")
    if store.find(given.get("id", "")):
        raise invalid("Coupon already exists.", "id", "resource_already_exists")
    fields = {
        "amount_off": None,
        "currency": None,
        "duration": "once",
        "duration_in_months": None,
        "max_redemptions": None,
        "name": None,
        "percent_off": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
        **{name: value for name, value in given.items() if name not in {"expand", "applies_to"}},
    }
    if "applies_to" in given:
        fields["_applies_to"] = {"products": given["applies_to"].get("products", [])}
    coupon = store.add("", "coupon", fields | {"id": given.get("id") or store.new_id("c")[2:]})
    store.emit("coupon.created", coupon)
    return coupon


def coupon_update(store: Store, name: str, given: Shape) -> Shape:
    coupon = store.get("coupon", name)
    coupon["name"] = given.get("name", coupon["name"])
    merged(coupon, given)
    store.emit("coupon.updated", coupon)
    return coupon


def coupon_delete(store: Store, name: str) -> Shape:
    coupon = store.get("coupon", name)
    del store.tables["coupon"][name]
    store.emit("coupon.deleted", coupon)
    return {"id": name, "object": "coupon", "deleted": True}


def promotion_code_create(store: Store, given: Shape) -> Shape:
    if given["promotion"].get("type") != "coupon" or "coupon" not in given["promotion"]:
        raise invalid("`promotion` must be of type coupon and name one.", "promotion")
    coupon = store.get("coupon", given["promotion"]["coupon"], "promotion[coupon]")
    code = given.get("code") or store.new_id("x")[2:10].upper()
    for other in store.all("promotion_code", active=True):
        if other["code"].lower() == code.lower():
            raise invalid("An active promotion code with this code already exists.", "code")
    promotion = store.add(
        "promo",
        "promotion_code",
        {
            "active": given.get("active", True),
            "code": code,
            "customer": given.get("customer"),
            "customer_account": None,
            "expires_at": given.get("expires_at"),
            "max_redemptions": given.get("max_redemptions"),
            "metadata": given.get("metadata", {}),
            "promotion": {"type": "coupon", "coupon": coupon["id"]},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
            },
            "times_redeemed": 0,
        },
    )
    store.emit("promotion_code.created", promotion)
    return promotion


def promotion_code_update(store: Store, name: str, given: Shape) -> Shape:
    promotion = store.get("promotion_code", name)
    promotion["active"] = given.get("active", promotion["active"])
    merged(promotion, given)
    store.emit("promotion_code.updated", promotion)
    return promotion


def coupon_usable(store: Store, given: list[Shape] | Any) -> tuple[Shape, Shape | None] | None:
    """The coupon, and promotion code, of a checkout's `discounts`. Raises Refused (400)."""
    if not given:
        return None
    if len(given) > 1:
        raise invalid("You can only apply one discount.", "discounts")
    promotion = None
    name = given[0].get("coupon")
    if "promotion_code" in given[0]:
        promotion = store.get("promotion_code", given[0]["promotion_code"], "discounts[0][promotion_code]")
        name = promotion["promotion"]["coupon"]
        if not promotion["active"] or _used_up(store, promotion, "expires_at"):
            raise Refused(400, "This promotion code is not active.", param="discounts[0][promotion_code]")
    coupon = store.get("coupon", name or "", "discounts[0][coupon]")
    if _used_up(store, coupon, "redeem_by"):
        raise Refused(
            400, f"Coupon expired: {coupon['id']}", code="coupon_expired", param="discounts[0][coupon]"
        )
    return coupon, promotion


def _used_up(store: Store, shape: Shape, until: str) -> bool:
    late = shape[until] is not None and shape[until] <= store.clock.now()
    return late or (
        shape["max_redemptions"] is not None and shape["times_redeemed"] >= shape["max_redemptions"]
    )


def discount_of(coupon: Shape | None, amount: int) -> int:
    """What a coupon takes off an amount."""
    if coupon is None:
        return 0
    if coupon["percent_off"] is not None:
        return min(amount, int(amount * coupon["percent_off"] / 100 + 0.5))
    return min(amount, coupon["amount_off"])
