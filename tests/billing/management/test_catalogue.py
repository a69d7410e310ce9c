"""`manage.py catalogue load`: the catalogue as a file."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from billing.models import Coupon, MerchantProfile, Offer
from billing.selectors.catalogue import merchant_of
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
