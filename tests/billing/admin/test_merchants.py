"""What the page of a merchant profile says of its webhook secrets."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from billing.models import MerchantProfile
from billing.services.inbox import listeners_forget
from billing.services.merchants import merchant_default_ensure, merchant_update
from tests.billing.buying import shop
from tests.stripe_double.fixtures import stripe, stripe_address

__all__ = ["shop", "stripe", "stripe_address"]  # fixtures

pytestmark = pytest.mark.django_db

EVENT = {"object": "event", "type": "plan.created", "data": {"object": {"id": "plan_1", "object": "plan"}}}


@pytest.fixture
def said(make_user, signed_in):
    """Return a reader of the page: what it says of each secret."""
    browser, row = signed_in(make_user("billing")), merchant_default_ensure()

    def read():
        page = browser.get(reverse("admin:billing_merchantprofile_change", args=[row.pk])).content.decode()
        assert "whsec_" not in page.replace("begins with whsec_", "")
        return [re.sub("<[^>]+>", "", line) for line in re.findall(r"Webhook secret \d[^\n]*?</p>", page)]

    return read


def test_each_secret_says_when_an_event_fitted_it(shop, said):
    """Trust, Stripe: several secrets while one is rolled; whoever rolls it sees which one Stripe uses."""
    row = merchant_default_ensure()
    merchant_update(merchant=row, webhook_secrets=["whsec_new", "whsec_old"], actor="cli:test", at=shop.now)
    listeners_forget()
    assert said() == [
        "Webhook secret 1 (the newest): no event has fitted it yet.",
        "Webhook secret 2: no event has fitted it yet.",
    ]
    shop.stripe.deliver({**EVENT, "id": "evt_1"}, secret="whsec_old")
    assert said()[1] == "Webhook secret 2: an event fitted it last at 2026-03-02 09:30 UTC."
    shop.stripe.deliver({**EVENT, "id": "evt_2"}, secret="whsec_others")
    assert said()[0].endswith("no event has fitted it yet.")
    shop.wait(minutes=2)
    shop.stripe.deliver({**EVENT, "id": "evt_3"}, secret="whsec_new")
    assert said()[0] == "Webhook secret 1 (the newest): an event fitted it last at 2026-03-02 09:32 UTC."


def test_what_was_taken_out_is_forgotten(shop, said):
    row = merchant_default_ensure()
    for number, secret in enumerate(("whsec_one", "whsec_two")):
        merchant_update(merchant=row, webhook_secrets=[secret], actor="cli:test", at=shop.now)
        listeners_forget()
        shop.stripe.deliver({**EVENT, "id": f"evt_{number}"}, secret=secret)
    assert len(MerchantProfile.objects.get().secrets_seen) == len(said()) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"new_api_key": "sk_test_other"}, "Default"),
        ({"new_webhook_secrets": "whsec_other"}, "Default"),
        ({}, "Renamed"),
    ],
)
def test_a_secret_is_entered_with_a_second_factor_only(make_user, signed_in, settings, given, kept):
    """D15: a password alone sends no money elsewhere; the brand of a shop needs none."""
    settings.REQUIRE_SECOND_FACTOR = True
    row = merchant_default_ensure()
    MerchantProfile.objects.filter(pk=row.pk).update(name="Default")
    address = reverse("admin:billing_merchantprofile_change", args=[row.pk])
    browser = signed_in(make_user("billing"), second_factor=False)
    fields = {"name": "Renamed", "stripe_account": "", "brand": "", "support_email": "", "mail_from": "",
              "redirect_hosts": "", "success_url": "", "cancel_url": ""}  # fmt: skip
    answer = browser.post(address, {**fields, **given})
    assert ("second-factor" in answer.url) is bool(given)
    assert MerchantProfile.objects.get(pk=row.pk).name == kept
