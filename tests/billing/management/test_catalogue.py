"""`manage.py catalogue load`: the catalogue as a file."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from billing.models import Coupon, MerchantProfile, Offer
from billing.selectors.catalogue import default_merchant, default_offer, merchant_of
from billing.terms import quote_of
from history.models import Event
from licenses.models import Plan

pytestmark = pytest.mark.django_db

# as a License Operator's config.yaml has it
FILE = """
server: {bind: ":8080"}
stripe: {api_key: sk_test_x, webhook_secret: whsec_x}
merchants:
  - {slug: eu, name: Europe, redirect_hosts: [shop.example.com]}
products:
  - slug: auth-team
    name: Auth Team
    product_key: auth
    plan: alpha
    lookup_key: auth_team
    type: one_off
    term_days: 1095
    pricing: tiered
    amount_minor: 1000
    merchant: eu
    features: [SSO]
    pricing_tiers:
      - {up_to: 10, amount_minor: 5000}
      - {factor: "0.5", per_unit: true}
    coupons:
      - {code: spring, promotion: {percent_off: 20, duration: once}, max_total: 5}
  - {slug: auth-year, name: Auth, product_key: auth, plan: alpha, interval: year, amount_minor: 9900,
     coupons: [{code: SPRING, promotion: {percent_off: 20, duration: once}, max_total: 5}]}
"""


@pytest.fixture
def load(tmp_path):
    """Return a caller: `load(text, "--dry-run")` gives what the command says."""

    def call(text: str, *options: str) -> str:
        path = tmp_path / "catalogue.yaml"
        path.write_text(text)
        said = StringIO()
        call_command("catalogue", "load", str(path), *options, stdout=said)
        return said.getvalue()

    return call


def test_a_license_operators_file_fills_an_empty_catalogue(load):
    """E4, E9: products, plans, steps, coupons and profiles, with what licenses are cut from."""
    said = load(FILE)
    assert "+ product auth-team" in said
    assert "+ plan auth/alpha" in said
    offer = Offer.objects.get(slug="auth-team")
    assert (offer.lookup_key, offer.plan.slug, merchant_of(offer).slug) == ("auth_team", "alpha", "eu")
    assert (offer.config_managed, offer.features) == (True, ["SSO"])
    coupon = Coupon.objects.get(code="SPRING")
    assert sorted(row.slug for row in coupon.offers.all()) == ["auth-team", "auth-year"]
    assert quote_of(offer, managed_products=20, coupon=coupon).total_minor == 8_000
    assert Event.objects.get(kind="coupon.created").actor.startswith("cli:")


def test_the_same_file_again_changes_nothing(load):
    """E4: idempotent."""
    load(FILE)
    before = Event.objects.count()
    assert load(FILE).strip() == "0 changes made."
    assert Event.objects.count() == before


def test_a_dry_run_says_what_would_change_and_writes_nothing(load):
    """E4: a readable diff."""
    assert "+ product auth-team" in load(FILE, "--dry-run")
    assert not Offer.objects.exists()
    assert not Plan.objects.exists()
    load(FILE)
    said = load(FILE.replace("amount_minor: 9900", "amount_minor: 8900"), "--dry-run")
    assert said.splitlines() == [
        "~ product auth-year",
        "    amount_minor: 9900 -> 8900",
        "1 change would be made; nothing was written.",
    ]
    assert Offer.objects.get(slug="auth-year").amount_minor == 9_900


def test_what_the_file_no_longer_names_is_switched_off(load, make_offer):
    """E9: its own entries only; what staff made stays."""
    make_offer("by-hand")
    load(FILE)
    said = load("products: []\n")
    assert "- product auth-team" in said
    assert "- coupon SPRING" in said
    assert list(Offer.objects.filter(active=True).values_list("slug", flat=True)) == ["by-hand"]
    assert not Coupon.objects.get().active


def test_the_file_takes_an_entry_over(load, make_offer, enterprise):
    """E9: from then on it is changed there."""
    make_offer("pro")
    assert "config_managed: False -> True" in load(
        "products: [{slug: pro, name: Pro, product_key: demo, plan: enterprise, interval: year}]"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "products: [{slug: x, name: X, product_key: p, pricing: tiered, interval: year}]",
            "products.x: tiers",
        ),
        ("products: [{name: X}]", "Each entry has a slug."),
        ("products: 5", "products is a list of entries."),
        ("products: [{slug: x, product_key: p, interval: year, colour: red}]", "There is no field colour."),
        ("coupons: [{code: A B, percent_bps: 5}]", "coupons.A B: code"),
        ("coupons: [{code: A, percent_bps: 5, expires_at: soon}]", "expires_at"),
        ("merchants: [{slug: x, redirect_hosts: ['https://x']}]", "merchants.x: redirect_hosts"),
        ("merchants: [{slug: x, default: 5}]", "merchants.x: default"),
        ("merchants: [{slug: default, default: false}]", "merchants.default: default"),
        ("merchants: [{slug: x, default: true}, {slug: y, default: true}]", "one profile is the default"),
        ("merchants: [{slug: x, api_key: 5}]", "merchants.x: api_key"),
        ("merchants: [{slug: x, webhook_secrets: 5}]", "merchants.x: webhook_secrets"),
        ("products: {x: 5}", "products is a list of entries."),
        ("products: [{slug: x, product_key: p, interval: year, tiers: [5]}]", "products.x.tiers is a list"),
        ("products: [{slug: x, product_key: p, interval: year, tiers: 5}]", "products.x.tiers is a list"),
        ("products: [{slug: x, interval: year, components: [5]}]", "products.x: components"),
        ("products: [{slug: x, product_key: p, interval: year, merchant: 5}]", "products.x: merchant"),
        ("products: [{slug: x, product_key: p, interval: year, coupons: 5}]", "products.x.coupons"),
        ("products: [{slug: x, term_days: 5, term_duration_days: 6}]", "products.x: term_days is said twice"),
        ("coupons: [{code: A, promotion: 20}]", "coupons.A: promotion"),
        ("coupons: [{code: A, promotion: {percent_off: much}}]", "coupons.A: promotion.percent_off"),
        ("coupons: [{code: A, percent_bps: 5, offers: 5}]", "coupons.A.offers"),
    ],
)
def test_a_bad_entry_is_named_and_nothing_is_written(load, text, words):
    """E4: all or nothing, exit code 1."""
    with pytest.raises(CommandError, match=words.replace(".", r"\.")) as error:
        load(f"{text}\n")
    assert error.value.returncode == 1
    assert not Offer.objects.exists()
    assert MerchantProfile.objects.count() == 1
    assert not Plan.objects.exists()


def test_a_file_that_cannot_be_read_is_wrong_usage(load):
    """E4: exit code 2."""
    for text in ("a: [", "just words"):
        with pytest.raises(CommandError) as error:
            load(text)
        assert error.value.returncode == 2


# --- a License Operator's own form ----------------------------------------------------------------

OPERATOR = """
server: {addr: ":8082"}
security:
  - {product_key: auth, private_key_pem: "PRIVATE", public_key_pem: "PUBLIC"}
stripe:
  api_key: sk_test_x
  default_subscription_slug: alpha-subscription
  default_one_off_slug: alpha-one-off
  products:
    - slug: alpha-bundle
      name: Both
      type: one_off
      pricing_mode: fixed
      plan: both
      product_key: both
      currency: usd
      unit_amount: 29900
      base_amount: 29900
      billing_interval: one_time
      term_duration_days: 365
      bundled_products:
        - {product_key: auth, quantity: 1}
        - {product_key: operator, quantity: 2, managed_products: 5}
    - slug: alpha-subscription
      name: Alpha
      description: One year at a time.
      type: subscription
      pricing_mode: recurring
      plan: alpha
      product_key: auth
      active: true
      currency: usd
      unit_amount: 120000
      billing_interval: year
      billing_interval_count: 1
      trial_period_days: 30
      stripe_price_id: price_x
      lookup_key: alpha-sub
      metadata: {tier: alpha}
    - slug: alpha-one-off
      name: Alpha, once
      type: one_off
      pricing_mode: one_time
      plan: alpha
      product_key: auth
      currency: usd
      unit_amount: 90000
      billing_interval: one_time
      term_duration_days: 365
      max_license_total: 3
      coupons:
        - {code: launch, active: true, behavior: product_override, max_per_group: 1}
    - slug: operator-tiered
      name: Tiers
      type: subscription
      pricing_mode: tiered
      plan: tiered
      product_key: operator
      currency: usd
      unit_amount: 1
      base_amount: 9900
      billing_interval: year
      billing_interval_count: 1
      coupons:
        - code: tier10
          min_managed_products: 10
          behavior: stripe_promotion
          stripe: {percent_off: 25, duration: forever}
      pricing_tiers:
        - {upper_bound: 3, amount: 9900}
        - {upper_bound: 10, amount: 24900}
        - {factor: 0.225, per_unit: true}
"""


def test_the_published_form_of_its_file_fills_the_catalogue(load):
    """E4, E9, E10, E11: products below `stripe`, under the names that fields have there."""
    load(OPERATOR)
    yearly = Offer.objects.get(slug="alpha-subscription")
    assert (yearly.amount_minor, yearly.currency, yearly.interval, yearly.interval_count) == (
        120_000, "usd", "year", 1,
    )  # fmt: skip
    assert (yearly.pricing, yearly.lookup_key, yearly.metadata) == ("fixed", "alpha-sub", {"tier": "alpha"})
    once = Offer.objects.get(slug="alpha-one-off")
    assert (once.amount_minor, once.interval, once.term_days, once.max_license_total) == (90_000, "", 365, 3)
    tiered = Offer.objects.get(slug="operator-tiered")
    assert quote_of(tiered, managed_products=7).total_minor == 24_900
    assert quote_of(tiered, managed_products=20).total_minor == 44_560  # 9900 x 0.225 = 2228 each
    bundle = Offer.objects.get(slug="alpha-bundle")
    parts = bundle.items.order_by("quantity").values_list("plan__slug", "quantity", "managed_products")
    assert list(parts) == [("alpha", 1, None), ("tiered", 2, 5)]


def test_its_default_slugs_say_what_is_sold_when_nothing_is_named(load):
    """E4, E14."""
    load(OPERATOR)
    assert default_offer().slug == "alpha-subscription"
    assert default_offer("one_off").slug == "alpha-one-off"
    load(OPERATOR.replace("default_one_off_slug: alpha-one-off", "default_one_off_slug: alpha-bundle"))
    assert default_offer("one_off").slug == "alpha-bundle"


def test_its_coupons_are_read_in_its_words(load):
    """E4, E12: a promotion below `stripe`; an override sells the product that it stands below."""
    load(OPERATOR)
    rebate = Coupon.objects.get(code="TIER10")
    assert (rebate.percent_bps, rebate.duration, rebate.min_managed_products) == (2500, "forever", 10)
    launch = Coupon.objects.get(code="LAUNCH")
    assert (launch.override_offer.slug, launch.max_per_group) == ("alpha-one-off", 1)


def test_what_means_nothing_here_is_said_and_counts_as_no_change(load):
    """E4: nothing is dropped in silence, and the same file again changes nothing."""
    load(OPERATOR)
    assert load(OPERATOR).splitlines() == [
        "· product alpha-subscription: stripe_price_id means nothing here",
        "· product alpha-subscription: trial_period_days means nothing here",
        "0 changes made.",
    ]


def test_a_file_without_a_catalogue_switches_nothing_off(load):
    """E4: settings alone are no empty catalogue."""
    load(FILE)
    with pytest.raises(CommandError, match="holds no catalogue"):
        load("server: {addr: ':80'}\nstripe: {api_key: sk_test_x}\n")
    assert Offer.objects.filter(active=True).count() == 2


def test_a_default_slug_that_no_product_has_is_named(load):
    """E4."""
    with pytest.raises(CommandError, match=r"stripe\.default_one_off_slug: there is no product other"):
        load(OPERATOR.replace("default_one_off_slug: alpha-one-off", "default_one_off_slug: other"))


def test_the_file_says_which_profile_is_the_default(load):
    """C32: and saying it again changes nothing."""
    text = "merchants: [{slug: eu, default: true}, {slug: default, default: false}]\n"
    assert "default: False -> True" in load(text)
    assert default_merchant().slug == "eu"
    assert load(text).strip() == "0 changes made."
