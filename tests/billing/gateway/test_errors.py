"""What we say of Stripe's errors, and what a log says of them."""

from __future__ import annotations

import logging

import pytest

from billing import gateway
from billing.gateway import StripeMissing, StripeRefused, StripeUnavailable
from billing.models import MerchantProfile
from config.kit.sealing import seal
from tests.stripe_double.driver import KEY

PARAMS = {
    "mode": "payment",
    "line_items": [
        {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "A"}}}
    ],
    "success_url": "https://shop.example.com/thanks",
}


@pytest.fixture
def merchant(db):
    return MerchantProfile(slug="shop", name="Shop", is_default=True)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 429},
        {"status": 409},
        {"status": 502, "html": True},
        {"status": 200, "html": True},
        {"status": 0, "times": 2},
    ],
    ids=str,
)
def test_what_may_pass_is_unavailable(stripe, merchant, fault):
    """C27: a 5xx, too many requests, a proxy's page and a hang-up are tried again later."""
    stripe.fail_next("/v1/checkout", **fault)
    with pytest.raises(StripeUnavailable) as caught:
        gateway.session_create(merchant, PARAMS, key="k")
    assert caught.value.status == 503
    assert "<html>" not in caught.value.detail
    assert gateway.session_create(merchant, PARAMS, key="k").amount_total_minor == 900


def test_one_hang_up_is_made_up_for_at_once(stripe, merchant):
    """C27"""
    stripe.fail_next("/v1/checkout", 0)
    assert gateway.session_create(merchant, PARAMS, key="k").status == "open"


def test_a_lost_answer_is_found_again_under_the_same_key(stripe, merchant):
    """E14: the session was made; asking again gives the same one, not a second."""
    stripe.fail_next("/v1/checkout", 500, after=True)
    with pytest.raises(StripeUnavailable):
        gateway.session_create(merchant, PARAMS, key="k")
    assert [made["id"] for made in stripe.objects("checkout.session")] == [
        gateway.session_create(merchant, PARAMS, key="k").id
    ]


def test_a_refusal_carries_the_code_and_the_sentence_of_stripe(stripe, merchant):
    """E14"""
    with pytest.raises(StripeRefused) as caught:
        gateway.session_create(merchant, {**PARAMS, "sucess_url": "x"}, key="k")
    assert caught.value.stripe_code == "parameter_unknown"
    assert "sucess_url" in caught.value.detail


def test_the_same_key_with_other_params_is_refused(stripe, merchant):
    """E14"""
    gateway.session_create(merchant, PARAMS, key="k")
    with pytest.raises(StripeRefused) as caught:
        gateway.session_create(merchant, {**PARAMS, "client_reference_id": "other"}, key="k")
    assert caught.value.stripe_code == "idempotency_error"


@pytest.mark.parametrize("name", ["cs_test_none", "", "../v1/balance", "cs?x=1", "é"])
def test_an_unknown_id_is_missing_and_never_another_question(stripe, merchant, name):
    """C27"""
    with pytest.raises(StripeMissing):
        gateway.session_read(merchant, name)
    assert {asked["path"] for asked in stripe.requests()} <= {f"/v1/checkout/sessions/{name}"}


def test_a_key_that_is_not_accepted_is_an_outage_of_ours(stripe, merchant, settings):
    """E5"""
    settings.STRIPE_API_KEY = "nonsense"
    with pytest.raises(StripeUnavailable, match="does not accept the key"):
        gateway.account_read(merchant)


def test_without_a_key_nothing_is_asked(stripe, merchant, settings):
    """E5"""
    settings.STRIPE_API_KEY = ""
    with pytest.raises(StripeUnavailable, match="no Stripe key"):
        gateway.account_read(merchant)
    assert stripe.requests() == []


def test_a_profile_never_sells_under_the_key_of_another(stripe, merchant):
    """C32: only the default profile may use the key of the settings."""
    with pytest.raises(StripeUnavailable):
        gateway.account_read(MerchantProfile(slug="other", name="Other"))
    own = MerchantProfile(slug="other", name="Other", api_key=seal(b"sk_test_other"))
    assert gateway.account_read(own) != gateway.account_read(merchant)


def test_webhook_secrets_are_those_of_the_profile(merchant):
    """C32"""
    own = MerchantProfile(slug="other", webhook_secrets=seal(b"whsec_new\n\n whsec_old \n"))
    assert gateway.secrets_of(own) == ("whsec_new", "whsec_old")
    assert gateway.secrets_of(MerchantProfile(slug="third")) == ()


def test_no_key_and_no_buyer_is_logged(stripe, merchant, caplog):
    """Never a key, an address or a name in a log."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("stripe").setLevel(logging.WARNING)  # as the gateway leaves it
    gateway.session_create(merchant, {**PARAMS, "customer_email": "buyer@acme.example"}, key="k")
    stripe.fail_next(status=500)
    with pytest.raises(StripeUnavailable):
        gateway.session_create(merchant, {**PARAMS, "customer_email": "buyer@acme.example"}, key="k2")
    assert KEY not in caplog.text
    assert "buyer@acme.example" not in caplog.text
