"""`manage.py stripe ensure-webhook` and `reconcile`, against the stand-in for Stripe."""

from __future__ import annotations

import pytest

from billing import gateway
from billing.selectors.catalogue import default_merchant
from billing.services.checkouts import checkout_open
from billing.services.merchants import merchant_create
from billing.services.reservations import Wish
from licenses.models import License

pytestmark = pytest.mark.django_db
ENSURE = ("stripe", "ensure-webhook", "--public-url")
PUBLIC = "https://licenses.example.com"


def test_the_endpoint_is_made_and_its_secret_shown_once(run, stripe):
    """E33: with the two events of the License Operator among what it delivers."""
    done = run(*ENSURE, PUBLIC)
    (endpoint,) = stripe.objects("webhook_endpoint")
    assert endpoint["url"] == f"{PUBLIC}/api/v1/stripe/webhook"
    assert {"checkout.session.completed", "invoice.payment_succeeded"} <= set(endpoint["enabled_events"])
    assert endpoint["api_version"] == gateway.API_VERSION
    assert "Secret: whsec_" in done.out
    assert "SIGNET_STRIPE_WEBHOOK_SECRETS" in done.out


def test_a_second_run_changes_nothing_and_shows_no_secret(run, stripe):
    """E33"""
    run(*ENSURE, PUBLIC)
    before = len([asked for asked in stripe.requests() if asked["method"] == "POST"])
    done = run(*ENSURE, PUBLIC + "/")
    assert done.out.startswith("unchanged")
    assert "whsec_" not in done.out
    assert len([asked for asked in stripe.requests() if asked["method"] == "POST"]) == before


def test_an_endpoint_with_other_events_is_set_right(run, stripe):
    """E33"""
    url = f"{PUBLIC}/api/v1/stripe/webhook"
    gateway.endpoint_create(default_merchant(), url=url, events=frozenset({"invoice.paid"}), description="")
    assert run(*ENSURE, PUBLIC).out.startswith("updated")
    (endpoint,) = stripe.objects("webhook_endpoint")
    assert "charge.dispute.created" in endpoint["enabled_events"]


def test_the_endpoint_of_the_license_operator_is_kept(run, stripe):
    """E33"""
    url = f"{PUBLIC}/authlance/license/stripe/webhook"
    gateway.endpoint_create(default_merchant(), url=url, events=frozenset({"invoice.paid"}), description="")
    assert run(*ENSURE, PUBLIC).out.startswith("updated")
    assert [endpoint["url"] for endpoint in stripe.objects("webhook_endpoint")] == [url]


def test_another_profile_has_an_address_of_its_own(run, stripe, at):
    """C32"""
    merchant_create(slug="us", name="US", api_key="sk_test_other", actor="cli:test", at=at)
    done = run(*ENSURE, PUBLIC, "--merchant", "us", "--json")
    assert done.json["url"] == f"{PUBLIC}/api/v1/stripe/webhook/us"
    assert done.json["secret"].startswith("whsec_")


@pytest.mark.parametrize(
    "url", ["http://licenses.example.com", "licenses.example.com", "https://", "https://[", "ftp://a.example"]
)
def test_an_address_that_stripe_could_not_reach_is_refused(run, stripe, url):
    """E33"""
    done = run(*ENSURE, url)
    assert done.code == 1
    assert "public_url" in done.err or "https" in done.err
    assert stripe.requests() == []


def test_without_a_key_the_command_says_so(run, stripe, settings):
    """E5, E33"""
    settings.STRIPE_API_KEY = ""
    done = run(*ENSURE, PUBLIC)
    assert done.code == 1
    assert "stripe_unavailable" in done.err


def test_reconcile_takes_up_what_never_arrived(run, stripe, clock, one_off, customer, signing):
    """C27, E33"""
    checkout = checkout_open(
        wish=Wish(lookup_key=one_off.lookup_key), account=customer, actor="cli:test", at=clock.at
    )
    stripe.pay(checkout.session_id, email="ann@acme.example")
    found = run("stripe", "reconcile", "--since", "7d", "--json").json
    assert (found["ok"], found["missed"] > 0, found["done"] > 0, found["parked"]) == (True, True, True, 0)
    assert License.objects.get().account == customer
    again = run("stripe", "reconcile", "--since", "7d", "--json").json
    assert (again["listed"], again["missed"]) == (found["listed"], 0)
    assert License.objects.count() == 1


@pytest.mark.parametrize("text", ["yesterday", "7", "d", "7w", "2026-01-01"])
def test_a_time_that_is_none_is_wrong_usage(run, text):
    """E33"""
    done = run("stripe", "reconcile", "--since", text)
    assert done.code != 0
    assert "is not an RFC 3339 time" in done.err
