"""The inbox of Stripe's events and the cycles of payments in the back office."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from billing.models import MerchantProfile, StripeEvent, Subscription
from config.kit.attention import sources
from config.kit.sealing import seal

pytestmark = pytest.mark.django_db

LIST = "admin:billing_stripeevent_changelist"
BODY = {"id": "evt_1", "data": {"object": {"id": "cs_1", "customer_details": {"email": "ada@acme.example"}}}}


@pytest.fixture
def make_event(at):
    """Return a maker of rows of the inbox: `make_event("evt_1", state="parked", reason="group_missing")`."""
    merchant = MerchantProfile.objects.get(is_default=True)

    def make(event_id="evt_1", **fields):
        given = {
            "type": "checkout.session.completed", "object_id": "cs_1", "raw": seal(json.dumps(BODY).encode()),
            "received_at": at, "done_at": None if fields.get("state") == "received" else at,
        }  # fmt: skip
        return StripeEvent.objects.create(merchant=merchant, event_id=event_id, **{**given, **fields})

    return make


@pytest.fixture
def billing(make_user, signed_in):
    """A browser of somebody who keeps the money."""
    return signed_in(make_user("billing"))


def page(row, name="change"):
    return reverse(f"admin:billing_{row._meta.model_name}_{name}", args=[row.pk])


def test_the_page_says_why_it_waits_and_hides_people(billing, make_event):
    """E18, trust: parked reason in words; the body without personal data."""
    row = make_event(state="parked", reason="group_missing")
    text = billing.get(page(row)).content.decode()
    assert "The order names no group" in text
    assert "ada@acme.example" not in text
    assert "&quot;id&quot;: &quot;cs_1&quot;" in text
    assert "Work on again" in text


def test_the_button_has_it_worked_on_again(billing, make_event, django_capture_on_commit_callbacks):
    row = make_event(state="parked", reason="group_missing")
    answer = billing.post(page(row, "rerun"), follow=True)
    row.refresh_from_db()
    assert (row.state, row.reason, row.attempts) == ("received", "shape_unknown", 0)
    assert "worked on again" in answer.content.decode()


def test_many_are_worked_on_again_at_once_and_what_waits_is_left(billing, make_event):
    rows = [make_event(f"evt_{n}", state=state) for n, state in enumerate(["parked", "done", "received"])]
    chosen = {"action": "rerun_chosen", "_selected_action": [row.pk for row in rows]}
    text = billing.post(reverse(LIST), chosen, follow=True).content.decode()
    assert "2 worked on again" in text
    assert "1 not run again" in text
    assert StripeEvent.objects.filter(state="received").count() == 3


def test_who_only_looks_has_no_button(auditor, signed_in, make_event):
    """D15."""
    browser, row = signed_in(auditor), make_event(state="parked", reason="failed")
    assert "Work on again" not in browser.get(page(row)).content.decode()
    assert browser.post(page(row, "rerun")).status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state__exact=parked", {1}), ("reason=group_missing", {1}), ("q=evt_2", {2}), ("q=cs_1", {1, 2, 3}),
        ("q=evt", set()),
    ],
)  # fmt: skip
def test_the_list_is_filtered_and_searched(billing, make_event, query, found):
    make_event("evt_1", state="parked", reason="group_missing")
    make_event("evt_2", state="done")
    make_event("evt_3", state="received", attempts=2)
    text = billing.get(f"{reverse(LIST)}?{query}").content.decode()
    assert {
        n for n in (1, 2, 3) if f"/stripeevent/{StripeEvent.objects.get(event_id=f'evt_{n}').pk}/" in text
    } == found


def test_the_list_costs_the_same_for_many_rows(billing, make_event, django_assert_max_num_queries):
    for number in range(30):
        make_event(f"evt_{number}", state="done")
    billing.get(reverse(LIST))
    with django_assert_max_num_queries(14):
        assert billing.get(reverse(LIST)).status_code == 200


def test_parked_and_stuck_events_need_attention(make_event, at):
    """Trust: visible to staff."""
    make_event("evt_1", state="parked", reason="sold_out")
    make_event("evt_2", state="received", detail="Stripe does not answer at the moment.", attempts=4)
    found = {source.name: source for source in sources()}
    parked = list(found["stripe-events"].find(at))
    assert [problem.cause.startswith("More units were paid for") for problem in parked] == [True]
    assert not list(found["stripe-inbox"].find(at + timedelta(minutes=59)))
    (stuck,) = found["stripe-inbox"].find(at + timedelta(hours=1))
    assert (stuck.urgent, "1 Stripe event waiting" in stuck.title, "Stripe does not answer" in stuck.cause) == (
        True, True, True,
    )  # fmt: skip


def test_trying_again_from_there_works(make_event, at):
    row = make_event(state="parked", reason="failed")
    source = next(source for source in sources() if source.name == "stripe-events")
    (problem,) = source.find(at)
    source.retry(problem.key, actor="user:1", at=at)
    row.refresh_from_db()
    assert row.state == "received"


# --- subscriptions ----------------------------------------------------------------------------------


@pytest.fixture
def cycle(offer, customer, make_license, at):
    return Subscription.objects.create(
        merchant=MerchantProfile.objects.get(is_default=True), stripe_id="sub_1", customer_ref="cus_1",
        account=customer, offer=offer, license=make_license(), currency="eur", amount_minor=123_456,
        interval="year", state="past_due", past_due_since=at, period_start=at, period_end=at + timedelta(365),
        started_at=at,
    )  # fmt: skip


def test_a_cycle_is_shown_with_its_price_license_and_what_comes(billing, cycle):
    """C28."""
    text = billing.get(page(cycle)).content.decode()
    assert "1,234.56 EUR / year" in text
    assert "It lapses after the plan" in text
    assert cycle.license.public_id in text


@pytest.mark.parametrize(
    ("term", "shown"), [("sub_1", True), ("cus_1", True), ("acme", True), ("sub", False)]
)
def test_a_cycle_is_found_by_a_whole_id_or_slug(billing, cycle, term, shown):
    text = billing.get(reverse("admin:billing_subscription_changelist"), {"q": term}).content.decode()
    assert (page(cycle) in text) is shown
