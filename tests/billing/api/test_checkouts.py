"""Checkout sessions over HTTP, with Stripe's stand-in at the other end."""

from __future__ import annotations

import pytest

from accounts.models import IdempotentRequest
from billing.models import Checkout, Redemption
from billing.selectors.orders import customer_ref_of
from history.models import Event
from tests.billing.shop import OPERATOR, RETURN, URL, merchant, shop, state_of, stranger

__all__ = ["merchant", "shop", "stranger"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "stripe", "merchant")]


def codes(answer) -> set[tuple[str, str]]:
    return {(entry["pointer"], entry["code"]) for entry in answer.json().get("errors", ())}


def sessions(stripe):
    return stripe.objects("checkout.session")


# --- a purchase -------------------------------------------------------------------------------------


def test_a_checkout_is_priced_by_the_catalogue_and_opened_at_stripe(shop, make_offer, stripe, customer):
    """E14, E15: seats, group and offer stand in the metadata; the amount is ours."""
    offer = make_offer("pro", per_unit=True, amount_minor=9_900)
    answer = shop.post(URL, {"lookup_key": offer.lookup_key, "managed_products": 5})
    assert answer.status_code == 201
    body, session = answer.json(), sessions(stripe)[0]
    assert (body["session_id"], body["url"]) == (session["id"], session["url"])
    assert (body["state"], body["amount_minor"], body["currency"]) == ("open", 49_500, "eur")
    assert (session["mode"], session["amount_total"]) == ("subscription", 49_500)
    row = Checkout.objects.get()
    assert (
        session["client_reference_id"] == session["metadata"]["checkout"] == str(row.uid) == body["checkout"]
    )
    assert session["metadata"]["managed_products"] == "5"
    assert session["metadata"]["group_name"] == customer.slug
    assert session["metadata"]["lookup_key"] == offer.lookup_key
    event = Event.objects.get(kind="checkout.opened")
    assert (event.subject, event.account) == (f"checkout:{row.uid}", customer.customer_id)


def test_what_the_storefront_says_of_the_buyer_is_kept(shop, offer, stripe):
    """E14: the names of the organisation, the cookie domain with its leading dot, signature and UTM."""
    said = {
        "organization_name": "Acme",
        "organization_long_name": "Acme Corporation of Everything",
        "signature": "s-1",
        "email": "ann@acme.example",
        "utm": {"source": "hn", "campaign": "launch"},
    }
    answer = shop.post(URL, {"lookup_key": offer.lookup_key, "cookie_domain": "acme.example", **said})
    assert answer.status_code == 201
    row = Checkout.objects.get()
    assert {name: getattr(row, name) for name in said} == said
    assert row.cookie_domain == ".acme.example"
    told = sessions(stripe)[0]["metadata"]
    assert {name: told[name] for name in ("organization_name", "organization_long_name", "signature")} == {
        name: said[name] for name in ("organization_name", "organization_long_name", "signature")
    }
    assert told["cookie_domain"] == ".acme.example"
    assert sessions(stripe)[0]["customer_email"] == "ann@acme.example"


def test_a_leading_dot_is_not_doubled(shop, offer):
    shop.post(URL, {"lookup_key": offer.lookup_key, "cookie_domain": ".acme.example"})
    assert Checkout.objects.get().cookie_domain == ".acme.example"


def test_the_license_operator_s_path_is_the_same_in_camel_case(shop, make_offer):
    """E14: `lookupKey`, `managedProducts` → `sessionId`, `url`."""
    offer = make_offer("pro", per_unit=True)
    body = {
        "lookupKey": offer.lookup_key, "managedProducts": 3, "organizationName": "Acme",
        "organizationLongName": "Acme Corporation", "cookieDomain": "acme.example", "signature": "s",
        "successUrl": RETURN,
    }  # fmt: skip
    answer = shop.post(f"{OPERATOR}/checkout-session", body)
    assert answer.status_code == 201
    assert {"sessionId", "url", "managedProducts"} <= set(answer.json())
    row = Checkout.objects.get()
    assert (row.session_id, row.url) == (answer.json()["sessionId"], answer.json()["url"])
    assert (row.managed_products, row.organization_long_name) == (3, "Acme Corporation")
    assert row.success_url == RETURN


@pytest.mark.parametrize("wanted", [{}, {"type": "one_off"}])
def test_without_key_and_coupon_the_default_is_sold(shop, make_offer, wanted):
    """E14: the default slugs, of subscriptions or of one-offs."""
    make_offer("other")
    make_offer("cycle", default_for="subscription")
    make_offer("once", type="one_off", default_for="one_off")
    assert shop.post(URL, wanted).status_code == 201
    assert Checkout.objects.get().offer.slug == ("once" if wanted else "cycle")


@pytest.mark.parametrize(
    ("asked", "code"),
    [(-1, "negative"), (2, "below_minimum"), (11, "above_maximum"), (2**40, "max_value"), ("5", None)],
)
def test_seats_outside_the_bounds_are_refused(shop, make_offer, asked, code):
    """E15."""
    offer = make_offer("pro", default_seats=5, min_managed_products=3, max_managed_products=10)
    answer = shop.post(URL, {"lookup_key": offer.lookup_key, "managed_products": asked})
    if code is None:
        assert answer.status_code == 201  # a number in quotes is one
        return
    assert answer.status_code == 400
    assert codes(answer) == {("/managed_products", code)}
    assert not Checkout.objects.exists()


def test_unknown_closed_and_internal_offers_are_not_sold(shop, back_office, customer, make_offer):
    """E8, E14."""
    assert shop.post(URL, {"lookup_key": "nothing"}).status_code == 404
    make_offer("old", active=False)
    assert shop.post(URL, {"lookup_key": "old"}).status_code == 404
    make_offer("inner", internal=True)
    refused = shop.post(URL, {"lookup_key": "inner"})
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_closed")
    assert back_office.post(URL, {"lookup_key": "inner", "group": customer.slug}).status_code == 201


def test_unknown_members_are_refused_by_name(shop, offer):
    answer = shop.post(URL, {"lookup_key": offer.lookup_key, "amount_minor": 1})
    assert codes(answer) == {("/amount_minor", "unknown_field")}


# --- who buys ---------------------------------------------------------------------------------------


def test_credentials_without_the_scope_or_without_any_are_refused(api, internal_token, offer, customer):
    """E28."""
    assert api.post(URL, {}).status_code == 401
    reader = api.as_(internal_token(scope="licenses:read", groups=[customer.slug]))
    assert (reader.post(URL, {}).status_code, reader.post(URL, {}).json()["code"]) == (403, "missing_scope")


def test_nobody_buys_for_another_group(shop, stranger, offer, customer):
    """E29: 403, and an unknown group looks no different."""
    for group in (customer.slug, "nobody-here"):
        refused = stranger.post(URL, {"lookup_key": offer.lookup_key, "group": group})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_group")
    assert shop.post(URL, {"lookup_key": offer.lookup_key, "group": customer.slug}).status_code == 201


def test_a_back_office_key_names_the_group(storefront, offer, customer):
    assert codes(storefront.post(URL, {})) == {("/group", "required")}
    assert codes(storefront.post(URL, {"group": "nobody"})) == {("/group", "unknown_account")}
    assert storefront.post(URL, {"group": customer.slug}).status_code == 201


def test_an_order_is_seen_by_its_group_only(shop, stranger, offer):
    uid = shop.post(URL, {"lookup_key": offer.lookup_key}).json()["checkout"]
    assert shop.get(f"{URL}/{uid}").json()["lines"][0]["amount_minor"] == 9_900
    assert stranger.get(f"{URL}/{uid}").status_code == 404


# --- where the buyer returns to ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://evil.example/", "redirect_host_not_allowed"),
        ("https://shop.example.com\\@evil.example/", "redirect_unreadable"),
        ("https://ann@shop.example.com/", "redirect_unreadable"),
        ("//evil.example", "redirect_unreadable"),
        ("http://shop.example.com/", "redirect_not_https"),
    ],
)
@pytest.mark.parametrize("field", ["success_url", "cancel_url"])
def test_buyers_go_back_to_listed_hosts_only(shop, offer, field, url, code):
    """E14."""
    answer = shop.post(URL, {"lookup_key": offer.lookup_key, field: url})
    assert (answer.status_code, codes(answer)) == (400, {(f"/{field}", code)})
    assert not Checkout.objects.exists()


def test_without_an_address_the_merchant_s_is_used_and_then_ours(shop, offer, merchant, settings):
    shop.post(URL, {"lookup_key": offer.lookup_key})
    merchant.success_url = "https://shop.example.com/merci"
    merchant.save()
    shop.post(URL, {"lookup_key": offer.lookup_key})
    ours = f"{settings.BASE_URL.rstrip('/')}/checkout/done"
    found = list(Checkout.objects.order_by("pk").values_list("success_url", flat=True))
    assert found == [ours, "https://shop.example.com/merci"]


# --- coupons ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"active": False}, "coupon_inactive"),
        ({"max_total": 1}, "coupon_exhausted"),
        ({"max_per_group": 1}, "coupon_exhausted_for_group"),
        ({"min_managed_products": 6}, "coupon_below_minimum"),
        ({"max_managed_products": 4}, "coupon_above_maximum"),
    ],
)
def test_a_coupon_s_rule_is_named(shop, one_off, make_coupon, make_checkout, customer, at, fields, rule):
    """E13."""
    coupon = make_coupon("SPRING", offers=[one_off], **fields)
    if "max_total" in fields or "max_per_group" in fields:
        used = make_checkout(one_off, coupon=coupon, state="paid")
        Redemption.objects.create(
            coupon=coupon, checkout=used, account=customer, state="redeemed", reserved_at=at
        )
    held = Checkout.objects.count()
    answer = shop.post(URL, {"lookup_key": one_off.lookup_key, "coupon": "spring", "managed_products": 5})
    assert (answer.status_code, answer.json()["code"]) == (400, "coupon_refused")
    assert codes(answer) == {("/coupon", rule)}
    assert Checkout.objects.count() == held


def test_a_coupon_of_another_product_and_an_unknown_one_are_refused(shop, one_off, offer, make_coupon):
    """E13."""
    make_coupon("SPRING", offers=[offer])
    for coupon, rule in (("SPRING", "coupon_wrong_product"), ("NOPE", "coupon_unknown")):
        answer = shop.post(URL, {"lookup_key": one_off.lookup_key, "coupon": coupon})
        assert (answer.status_code, codes(answer)) == (400, {("/coupon", rule)})


def test_a_coupon_lowers_the_price_and_its_slot_is_held(shop, one_off, make_coupon, stripe):
    """C26: reserved with the order."""
    make_coupon("WELCOME20", offers=[one_off], percent_bps=2_000)
    answer = shop.post(URL, {"lookup_key": one_off.lookup_key, "coupon": "welcome20"})
    assert (answer.status_code, answer.json()["amount_minor"]) == (201, 7_920)
    session = sessions(stripe)[0]
    assert (session["mode"], session["amount_total"]) == ("payment", 7_920)
    assert session["metadata"]["coupon"] == "WELCOME20"
    assert state_of(answer.json()["checkout"]) == ("open", "reserved")


def test_a_product_override_sells_its_own_offer(shop, offer, make_offer, make_coupon):
    """E13: even an internal one, which is how it is meant to be sold."""
    three_years = make_offer("three", type="one_off", term_days=1095, internal=True, amount_minor=20_000)
    make_coupon(
        "LONG", offers=[offer], behavior="product_override", override_offer=three_years, percent_bps=0
    )
    answer = shop.post(URL, {"lookup_key": offer.lookup_key, "coupon": "LONG"})
    assert (answer.status_code, answer.json()["amount_minor"]) == (201, 20_000)
    assert Checkout.objects.get().offer == three_years


def test_a_free_license_is_an_order_like_any_other(shop, one_off, make_coupon, stripe):
    """C26: free; Stripe asks for no payment."""
    make_coupon("GIFT", offers=[one_off], discount="free")
    answer = shop.post(URL, {"lookup_key": one_off.lookup_key, "coupon": "GIFT"})
    assert (answer.status_code, answer.json()["amount_minor"]) == (201, 0)
    assert sessions(stripe)[0]["amount_total"] == 0


def test_a_coupon_that_stripe_must_know_for_a_subscription_is_refused_before(shop, offer, make_coupon):
    """A coupon for the first payment alone is Stripe's to apply; one for ever needs nothing of it."""
    make_coupon("ONCE", offers=[offer], duration="once")
    make_coupon("EVER", offers=[offer], duration="forever")
    refused = shop.post(URL, {"lookup_key": offer.lookup_key, "coupon": "ONCE"})
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_not_synced")
    taken = shop.post(URL, {"lookup_key": offer.lookup_key, "coupon": "EVER"})
    assert (taken.status_code, taken.json()["amount_minor"]) == (201, 7_920)


# --- caps -------------------------------------------------------------------------------------------


def test_the_last_unit_is_sold_once(shop, make_offer):
    """E16."""
    offer = make_offer("rare", type="one_off", max_license_total=1)
    assert shop.post(URL, {"lookup_key": offer.lookup_key}).status_code == 201
    refused = shop.post(URL, {"lookup_key": offer.lookup_key})
    assert (refused.status_code, refused.json()["code"], refused.json()["left"]) == (409, "sold_out", 0)


# --- again ------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_session(shop, offer, stripe):
    first = shop.post(URL, {"lookup_key": offer.lookup_key}, key="one")
    again = shop.post(URL, {"lookup_key": offer.lookup_key}, key="one")
    assert first.json() == again.json()
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert "Idempotency-Replayed" not in first.headers
    assert Checkout.objects.count() == len(sessions(stripe)) == 1


def test_the_same_key_for_another_order_is_refused(shop, offer, one_off):
    shop.post(URL, {"lookup_key": offer.lookup_key}, key="one")
    other = shop.post(URL, {"lookup_key": one_off.lookup_key}, key="one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_order_keeps_no_key(shop, make_offer):
    offer = make_offer("pro", max_managed_products=5)
    body = {"lookup_key": offer.lookup_key}
    assert shop.post(URL, {**body, "managed_products": 9}, key="one").status_code == 400
    assert shop.post(URL, {**body, "managed_products": 5}, key="one").status_code == 201


def test_a_lost_answer_is_found_again_under_the_key(shop, offer, stripe):
    """trust: our own calls carry a stable idempotency key."""
    stripe.fail_next("/v1/checkout/sessions", 0, times=2, after=True)
    lost = shop.post(URL, {"lookup_key": offer.lookup_key}, key="one")
    assert (lost.status_code, lost.json()["code"]) == (503, "stripe_unavailable")
    row = Checkout.objects.get()
    assert (row.state, row.session_id) == ("reserved", "")
    found = shop.post(URL, {"lookup_key": offer.lookup_key}, key="one")
    assert (found.status_code, found.headers["Idempotency-Replayed"]) == (201, "true")
    assert [found.json()["session_id"]] == [session["id"] for session in sessions(stripe)]


def test_what_stripe_refuses_has_failed_and_holds_nothing(shop, make_offer, make_coupon, stripe):
    """C26: and the key may be used for another try."""
    offer = make_offer("rare", type="one_off", max_license_total=1)
    make_coupon("LAST", offers=[offer], max_total=1)
    body = {"lookup_key": offer.lookup_key, "coupon": "LAST"}
    stripe.fail_next("/v1/checkout/sessions", 400)
    refused = shop.post(URL, body, key="one")
    assert (refused.status_code, refused.json()["code"]) == (409, "stripe_refused")
    assert state_of(Checkout.objects.get().uid) == ("failed", "released")
    assert Event.objects.filter(kind="checkout.ended").count() == 1
    assert not IdempotentRequest.objects.exists()
    assert shop.post(URL, body, key="one").status_code == 201


def test_without_a_key_of_stripe_s_nothing_is_held(shop, offer, settings):
    settings.STRIPE_API_KEY = ""
    answer = shop.post(URL, {"lookup_key": offer.lookup_key})
    assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")
    assert not Checkout.objects.exists()


# --- portal and session -----------------------------------------------------------------------------


@pytest.fixture
def paid(shop, offer, stripe):
    """A subscription of the group that was paid and settled; the session."""
    answer = shop.post(URL, {"lookup_key": offer.lookup_key}).json()
    return stripe.pay(answer["session_id"], email="ann@acme.example")


def settle(session, merchant, at):
    from billing import gateway
    from billing.services.settling import payment_settle

    facts = gateway.session_read(merchant, session["id"])
    return payment_settle(merchant=merchant, session=facts, actor="cli:test", at=at)


def test_the_portal_opens_for_the_group_s_own_customer(shop, stranger, paid, merchant, at, signing, stripe):
    """E29."""
    before = shop.post(f"{OPERATOR}/customer-portal", {})
    assert (before.status_code, before.json()["code"]) == (404, "no_customer")
    payment = settle(paid, merchant, at)
    answer = shop.post(f"{OPERATOR}/customer-portal", {"returnUrl": RETURN.partition("?")[0]})
    assert (answer.status_code, set(answer.json())) == (201, {"url"})
    assert payment.customer_ref
    asked = stripe.requests("/v1/billing_portal/sessions")[-1]["params"]
    assert asked == {"customer": payment.customer_ref, "return_url": "https://shop.example.com/thanks"}
    assert stranger.post("/api/v1/customer-portal", {}).status_code == 404
    other = stranger.post("/api/v1/customer-portal", {"group": payment.account.slug})
    assert (other.status_code, other.json()["code"]) == (403, "not_your_group")


def test_a_customer_of_test_mode_is_unknown_to_a_live_key(shop, paid, merchant, at, signing, settings):
    """E29, C32: Stripe keeps the two modes apart; who paid in one is no customer in the other."""
    payment = settle(paid, merchant, at)
    assert customer_ref_of(payment.account, merchant) == payment.customer_ref
    settings.STRIPE_API_KEY = settings.STRIPE_API_KEY.replace("_test_", "_live_")
    assert customer_ref_of(payment.account, merchant) == ""
    assert shop.post(f"{OPERATOR}/customer-portal", {}).json()["code"] == "no_customer"


def test_the_portal_returns_to_listed_hosts_only(shop, paid, merchant, at, signing):
    settle(paid, merchant, at)
    answer = shop.post("/api/v1/customer-portal", {"return_url": "https://evil.example/"})
    assert answer.status_code == 400


def test_a_session_becomes_its_subscription(shop, stranger, paid, merchant, at, signing):
    """E29: also before it is settled here; 404 for none, for unknown and for others' sessions."""
    path, body = f"{OPERATOR}/session-id", {"sessionId": paid["id"]}
    assert shop.post(path, body).json() == {"subscriptionId": paid["subscription"]}
    settle(paid, merchant, at)
    assert shop.post("/api/v1/session-id", {"session_id": paid["id"]}).json() == {
        "subscription_id": paid["subscription"]
    }
    for caller, session in ((stranger, paid["id"]), (shop, "cs_unknown")):
        answer = caller.post(path, {"sessionId": session})
        assert (answer.status_code, answer.json()["code"]) == (404, "no_subscription")


def test_a_one_off_session_has_no_subscription(shop, one_off):
    session = shop.post(URL, {"lookup_key": one_off.lookup_key}).json()["session_id"]
    assert shop.post("/api/v1/session-id", {"session_id": session}).status_code == 404


def test_who_paid_before_is_the_same_customer_at_stripe(shop, paid, merchant, at, signing, offer, stripe):
    """E29: so that one portal shows everything."""
    payment = settle(paid, merchant, at)
    shop.post(URL, {"lookup_key": offer.lookup_key})
    assert sessions(stripe)[-1]["customer"] == payment.customer_ref
