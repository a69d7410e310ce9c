"""Stripe's addresses that the double knows, with the type that each one's parameters must have."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.stripe_double import catalogue, cycles, money, sessions
from tests.stripe_double.refusals import Refused, invalid
from tests.stripe_double.spec import checked
from tests.stripe_double.store import Shape, Store, merged
from tests.stripe_double.world import World

Work = Callable[[World, Store, dict[str, str], Shape], Any]


@dataclass(frozen=True)
class Route:
    """One operation: what it demands of parameters (a type of the SDK) and what it does."""

    method: str
    pattern: re.Pattern[str]
    params: str
    work: Work


ROUTES: list[Route] = []


def route(method: str, path: str, params: str = "") -> Callable[[Work], Work]:
    pattern = re.compile("/v1/" + re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path))

    def keep(work: Work) -> Work:
        ROUTES.append(Route(method, pattern, params, work))
        return work

    return keep


def answer(world: World, store: Store, method: str, path: str, given: Shape) -> Shape:
    """Do what a request asks for. Raises Refused."""
    for entry in ROUTES:
        found = entry.pattern.fullmatch(path)
        if found and entry.method == method:
            values = checked(entry.params, given)
            shape = entry.work(world, store, found.groupdict(), values)
            if shape.get("object") == "list" or "id" not in shape:
                return dict(shape)
            return store.shown(shape, values.get("expand"))
    raise Refused(404, f"Unrecognized request URL ({method}: {path}).", code="double_unknown")


def page(store: Store, rows: list[Shape], given: Shape, url: str) -> Shape:
    """One page of a list, the newest first, by `limit`, `starting_after` and `ending_before`."""
    limit = given.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid("`limit` must be between 1 and 100.", "limit", "parameter_invalid_integer")
    names = [row["id"] for row in rows]
    for cursor in ("starting_after", "ending_before"):
        if cursor in given and given[cursor] not in names:
            raise invalid(f"No such object: '{given[cursor]}'", cursor, "resource_missing")
    if "ending_before" in given:
        before = rows[: names.index(given["ending_before"])]
        return store.listed(before[-limit:], url, more=len(before) > limit, expand=given.get("expand"))
    start = names.index(given["starting_after"]) + 1 if "starting_after" in given else 0
    rest = rows[start:]
    return store.listed(rest[:limit], url, more=len(rest) > limit, expand=given.get("expand"))


def within(created: int, bounds: Any) -> bool:
    """Whether a time lies in a filter on `created`."""
    if not isinstance(bounds, dict):
        return bounds is None or created == int(bounds)
    tests = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
    return all(tests[name](int(value)) for name, value in bounds.items())


def simple_list(path: str, kind: str, params: str, filters: tuple[str, ...] = ()) -> None:
    """A list whose filters are fields of the rows."""

    @route("GET", path, params)
    def listing(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
        having = {name: given[name] for name in filters if name in given}
        rows = [row for row in store.all(kind, **having) if within(row["created"], given.get("created"))]
        return page(store, rows, given, f"/v1/{path}")


def simple_read(path: str, kind: str, params: str) -> None:
    @route("GET", f"{path}/<id>", params)
    def reading(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
        return store.get(kind, parts["id"])


simple_list("products", "product", "ProductListParams", ("active",))
simple_list("coupons", "coupon", "CouponListParams")
simple_list("customers", "customer", "CustomerListParams", ("email",))
simple_list(
    "checkout/sessions",
    "checkout.session",
    "checkout.SessionListParams",
    ("subscription", "payment_intent", "customer", "status"),
)
simple_list("charges", "charge", "ChargeListParams", ("payment_intent", "customer"))
simple_list("payment_intents", "payment_intent", "PaymentIntentListParams", ("customer",))
simple_list("refunds", "refund", "RefundListParams", ("charge", "payment_intent"))
simple_list("disputes", "dispute", "DisputeListParams", ("charge", "payment_intent"))
simple_list("webhook_endpoints", "webhook_endpoint", "WebhookEndpointListParams")
for _path, _kind, _params in (
    ("products", "product", "ProductRetrieveParams"),
    ("prices", "price", "PriceRetrieveParams"),
    ("coupons", "coupon", "CouponRetrieveParams"),
    ("promotion_codes", "promotion_code", "PromotionCodeRetrieveParams"),
    ("customers", "customer", "CustomerRetrieveParams"),
    ("checkout/sessions", "checkout.session", "checkout.SessionRetrieveParams"),
    ("payment_intents", "payment_intent", "PaymentIntentRetrieveParams"),
    ("charges", "charge", "ChargeRetrieveParams"),
    ("refunds", "refund", "RefundRetrieveParams"),
    ("disputes", "dispute", "DisputeRetrieveParams"),
    ("invoices", "invoice", "InvoiceRetrieveParams"),
    ("subscriptions", "subscription", "SubscriptionRetrieveParams"),
    ("webhook_endpoints", "webhook_endpoint", "WebhookEndpointRetrieveParams"),
    ("events", "event", "EventRetrieveParams"),
):
    simple_read(_path, _kind, _params)


# --- what makes and changes things: each line is one operation ------------------------------------

route("POST", "products", "ProductCreateParams")(lambda w, s, p, g: catalogue.product_create(s, g))
route("POST", "products/<id>", "ProductUpdateParams")(
    lambda w, s, p, g: catalogue.product_update(s, p["id"], g)
)
route("POST", "prices", "PriceCreateParams")(lambda w, s, p, g: catalogue.price_create(s, g))
route("POST", "prices/<id>", "PriceUpdateParams")(lambda w, s, p, g: catalogue.price_update(s, p["id"], g))
route("POST", "coupons", "CouponCreateParams")(lambda w, s, p, g: catalogue.coupon_create(s, g))
route("POST", "coupons/<id>", "CouponUpdateParams")(lambda w, s, p, g: catalogue.coupon_update(s, p["id"], g))
route("DELETE", "coupons/<id>")(lambda w, s, p, g: catalogue.coupon_delete(s, p["id"]))
route("POST", "promotion_codes", "PromotionCodeCreateParams")(
    lambda w, s, p, g: catalogue.promotion_code_create(s, g)
)
route("POST", "promotion_codes/<id>", "PromotionCodeUpdateParams")(
    lambda w, s, p, g: catalogue.promotion_code_update(s, p["id"], g)
)
route("POST", "customers", "CustomerCreateParams")(lambda w, s, p, g: money.customer_create(s, g))
route("POST", "customers/<id>", "CustomerUpdateParams")(
    lambda w, s, p, g: money.customer_update(s, p["id"], g)
)
route("POST", "checkout/sessions", "checkout.SessionCreateParams")(
    lambda w, s, p, g: sessions.session_create(s, g, base=w.base)
)
route("POST", "checkout/sessions/<id>", "checkout.SessionUpdateParams")(
    lambda w, s, p, g: sessions.session_update(s, p["id"], g)
)
route("POST", "checkout/sessions/<id>/expire", "checkout.SessionExpireParams")(
    lambda w, s, p, g: sessions.session_expire(s, p["id"])
)
route("POST", "subscriptions/<id>", "SubscriptionUpdateParams")(
    lambda w, s, p, g: cycles.subscription_update(s, p["id"], g)
)
route("DELETE", "subscriptions/<id>", "SubscriptionCancelParams")(
    lambda w, s, p, g: cycles.subscription_end(s, p["id"])
)
route("POST", "refunds", "RefundCreateParams")(lambda w, s, p, g: money.refund_create(s, g))


@route("POST", "invoices/<id>/pay", "InvoicePayParams")
def invoice_pay(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    invoice = store.get("invoice", parts["id"])
    return cycles.invoice_pay(store, invoice, store.get("customer", invoice["customer"]))


# --- lists with filters of their own --------------------------------------------------------------


@route("GET", "prices", "PriceListParams")
def prices(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    keys = given.get("lookup_keys")
    having = {name: given[name] for name in ("active", "product", "currency", "type") if name in given}
    rows = [row for row in store.all("price", **having) if not keys or row["lookup_key"] in keys]
    return page(store, rows, given, "/v1/prices")


@route("GET", "promotion_codes", "PromotionCodeListParams")
def promotion_codes(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    having = {"active": given["active"]} if "active" in given else {}
    rows = [
        row
        for row in store.all("promotion_code", **having)
        if given.get("code", row["code"]).lower() == row["code"].lower()
        and given.get("coupon", row["promotion"]["coupon"]) == row["promotion"]["coupon"]
    ]
    return page(store, rows, given, "/v1/promotion_codes")


@route("GET", "subscriptions", "SubscriptionListParams")
def subscriptions(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    wanted = given.get("status")
    rows = [
        row
        for row in store.all("subscription")
        if given.get("customer", row["customer"]) == row["customer"]
        and (wanted == "all" or row["status"] == wanted or (not wanted and row["status"] != "canceled"))
    ]
    return page(store, rows, given, "/v1/subscriptions")


@route("GET", "invoices", "InvoiceListParams")
def invoices(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    having = {name: given[name] for name in ("customer", "status") if name in given}
    rows = [
        row
        for row in store.all("invoice", **having)
        if given.get("subscription") in {None, row["parent"]["subscription_details"]["subscription"]}
        and within(row["created"], given.get("created"))
    ]
    return page(store, rows, given, "/v1/invoices")


@route("GET", "invoices/<id>/lines", "InvoiceLineItemListParams")
def invoice_lines(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    return page(store, store.get("invoice", parts["id"])["lines"]["data"], given, "/v1/invoices")


@route("GET", "invoice_payments", "InvoicePaymentListParams")
def invoice_payments(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    intent = (given.get("payment") or {}).get("payment_intent")
    having = {name: given[name] for name in ("invoice", "status") if name in given}
    rows = [
        row
        for row in store.all("invoice_payment", **having)
        if intent in {None, row["payment"]["payment_intent"]}
    ]
    return page(store, rows, given, "/v1/invoice_payments")


@route("GET", "checkout/sessions/<id>/line_items", "checkout.SessionLineItemListParams")
def session_lines(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    session = store.get("checkout.session", parts["id"])
    return page(store, session["_line_items"]["data"], given, "/v1/checkout/sessions")


@route("GET", "events", "EventListParams")
def events(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    kinds = given.get("types") or ([given["type"]] if "type" in given else None)
    rows = [
        row
        for row in store.all("event")
        if (kinds is None or row["type"] in kinds) and within(row["created"], given.get("created"))
    ]
    return page(store, rows, given, "/v1/events")


# --- portal, webhook endpoints, the account -------------------------------------------------------


@route("POST", "billing_portal/sessions", "billing_portal.SessionCreateParams")
def portal(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    customer = store.get("customer", given.get("customer", ""), "customer")
    made = store.add(
        "bps",
        "billing_portal.session",
        {
            "configuration": "bpc_double",
            "customer": customer["id"],
            "flow": None,
            "locale": None,
            "on_behalf_of": None,
            "return_url": given.get("return_url"),
        },
    )
    del made["metadata"]
    made["url"] = f"{world.base}/portal/{made['id']}"
    return made


@route("POST", "webhook_endpoints", "WebhookEndpointCreateParams")
def endpoint_create(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    if not given["url"].startswith("https://") and store.livemode:
        raise invalid("Invalid URL: URLs in live mode must begin with https.", "url", "url_invalid")
    secret = "whsec_" + secrets.token_urlsafe(24)
    endpoint = store.add(
        "we",
        "webhook_endpoint",
        {
            "api_version": given.get("api_version"),
            "application": None,
            "description": given.get("description"),
            "enabled_events": given["enabled_events"],
            "metadata": given.get("metadata", {}),
            "_secret": secret,
            "status": "enabled",
            "url": given["url"],
        },
    )
    return {**store.shown(endpoint), "secret": secret}  # told this once


@route("POST", "webhook_endpoints/<id>", "WebhookEndpointUpdateParams")
def endpoint_update(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    endpoint = store.get("webhook_endpoint", parts["id"])
    for name in ("enabled_events", "url", "description"):
        endpoint[name] = given.get(name, endpoint[name])
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    merged(endpoint, given)
    return endpoint


@route("DELETE", "webhook_endpoints/<id>")
def endpoint_delete(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    endpoint = store.get("webhook_endpoint", parts["id"])
    del store.tables["webhook_endpoint"][endpoint["id"]]
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


@route("GET", "balance")
def balance(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    held = [{"amount": 0, "currency": "eur", "source_types": {"card": 0}}]
    return {"object": "balance", "available": held, "pending": held, "livemode": store.livemode}


@route("GET", "account")
def account(world: World, store: Store, parts: dict[str, str], given: Shape) -> Shape:
    return {
        "id": store.account,
        "object": "account",
        "business_type": None,
        "capabilities": {},
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "details_submitted": True,
        "email": "double@example.com",
        "payouts_enabled": True,
        "type": "standard",
    }
