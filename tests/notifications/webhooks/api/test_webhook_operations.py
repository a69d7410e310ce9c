"""Outbound webhooks through the API."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.models import Event
from notifications.api.urls import urlpatterns
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors.webhooks import secrets_of
from tests.notifications.webhooks.conftest import answer

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]

LIST = "/api/v1/webhook-endpoints"
BODY = {"name": "Vendor", "url": "https://hooks.example.com/signet", "kinds": ["license.issued"]}
OPERATIONS = {
    ("get", "/webhook-endpoints"): "webhook_endpoints_list",
    ("post", "/webhook-endpoints"): "webhook_endpoints_create",
    ("get", "/webhook-endpoints/{uid}"): "webhook_endpoints_read",
    ("patch", "/webhook-endpoints/{uid}"): "webhook_endpoints_update",
    ("delete", "/webhook-endpoints/{uid}"): "webhook_endpoints_delete",
    ("post", "/webhook-endpoints/{uid}/rotate"): "webhook_endpoints_rotate",
    ("post", "/webhook-endpoints/{uid}/test"): "webhook_endpoints_test",
    ("post", "/webhook-endpoints/{uid}/replay"): "webhook_endpoints_replay",
    ("get", "/webhook-endpoints/{uid}/deliveries"): "webhook_deliveries_list",
    ("get", "/webhook-endpoints/{uid}/deliveries/{delivery}"): "webhook_deliveries_read",
    ("post", "/webhook-endpoints/{uid}/deliveries/{delivery}/replay"): "webhook_deliveries_replay",
}


@pytest.fixture(autouse=True)
def _standing_clock(clock):
    """Requests and deliveries of the tests happen at `at`."""


@pytest.fixture
def endpoint(make_endpoint):
    return make_endpoint(kinds=["license.issued"])


def path(endpoint, step=""):
    return f"{LIST}/{endpoint.uid}" + (f"/{step}" if step else "")


def codes(answer):
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


def test_an_endpoint_is_made_and_its_secret_shown_once(back_office, at):
    """C31: secret shown once."""
    made = back_office.post(LIST, BODY)
    assert made.status_code == 201
    told = made.json()
    row = WebhookEndpoint.objects.get()
    assert secrets_of(row, at=at) == (told["secret"],)
    assert (told["id"], told["kinds"], told["enabled"]) == (str(row.uid), ["license.issued"], True)
    assert row.created_by.startswith("api-key:")
    for page in (LIST, path(row)):
        assert told["secret"] not in back_office.get(page).content.decode()


def test_creating_twice_under_one_key_makes_one(back_office):
    """Trust: Idempotency-Key on every creating POST."""
    first = back_office.post(LIST, BODY, key="one")
    again = back_office.post(LIST, BODY, key="one")
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"url": "http://hooks.example.com/"}, {"/url": "not_https"}),
        ({"url": "https://169.254.169.254/"}, {"/url": "forbidden_address"}),
        ({"kinds": ["license.eaten"]}, {"/kinds": "unknown_kind"}),
        ({"products": ["nothing"]}, {"/products": "unknown_product"}),
        ({"kinds": "license.issued"}, {"/kinds": "not_a_list"}),
        ({"name": 7}, {"/name": "invalid"}),
        ({"secret": "whsec_x"}, {"/secret": "unknown_field"}),
        ({"enabled": False}, {"/enabled": "unknown_field"}),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(back_office, more, expected):
    refused = back_office.post(LIST, {**BODY, **more})
    assert (refused.status_code, codes(refused)) == (400, expected)


def test_an_endpoint_is_changed_and_switched(back_office, endpoint):
    assert back_office.patch(path(endpoint), {"name": "New", "kinds": []}).json()["name"] == "New"
    off = back_office.patch(path(endpoint), {"enabled": False})
    assert (off.json()["enabled"], back_office.get(LIST, enabled="false").json()["results"]) == (
        False,
        [off.json()],
    )
    assert back_office.patch(path(endpoint), {"enabled": "no"}).status_code == 400


def test_a_rotation_answers_with_the_new_secret(back_office, endpoint, at):
    """C31: rotation with overlap, in the answer only."""
    told = back_office.post(path(endpoint, "rotate"), key="r").json()
    assert secrets_of(WebhookEndpoint.objects.get(), at=at) == (told["secret"], endpoint.secret)
    assert told["previous_secret_until"] == "2026-03-03T09:30:00Z"
    assert back_office.post(path(endpoint, "rotate"), key="r").json()["secret"] == told["secret"]


def test_a_deleted_endpoint_is_gone(back_office, endpoint):
    assert back_office._send("delete", path(endpoint), None).json()["enabled"] is False
    assert back_office.get(path(endpoint)).status_code == 404
    assert back_office.get(LIST).json()["results"] == []


def test_a_test_event_tells_what_came_back(back_office, make_endpoint, serve):
    """C31: test button."""
    receiver = serve(answer(500, b"no room"))
    told = back_office.post(path(make_endpoint(receiver), "test")).json()
    assert (told["delivered"], told["status"], told["answer"]) == (False, 500, "no room")
    assert receiver.ids == [told["delivery"]]


def test_deliveries_are_listed_and_filtered(back_office, endpoint, deliver):
    """C31: delivery log."""
    deliver(3)
    Delivery.objects.filter(event__subject="license:L-1").update(state="dead")
    (dead,) = back_office.get(path(endpoint, "deliveries"), state="dead").json()["results"]
    assert (dead["kind"], dead["attempts"]) == ("license.issued", 0)
    everything = back_office.get(path(endpoint, "deliveries"), kind="license.issued").json()["results"]
    assert len(everything) == 3
    assert back_office.get(path(endpoint, "deliveries"), state="lost").status_code == 400
    assert (
        back_office.get(path(endpoint, "deliveries"), created_after="2027-01-01T00:00:00Z").json()["results"]
        == []
    )


def test_a_delivery_shows_its_body_and_its_attempts(back_office, make_endpoint, deliver, send, serve):
    endpoint = make_endpoint(serve(answer(503)), kinds=["license.issued"])
    (delivery,) = deliver()
    send(endpoint)
    told = back_office.get(path(endpoint, f"deliveries/{delivery.uid}")).json()
    assert json.loads(told["body"])["data"]["id"] == told["event"] == str(delivery.event.uid)
    assert [(one["number"], one["status"]) for one in told["log"]] == [(1, 503)]


def test_a_delivery_of_another_endpoint_is_not_found(back_office, endpoint, make_endpoint, deliver):
    other = make_endpoint(kinds=["license.issued"])
    deliver()
    strange = endpoint.deliveries.get().uid
    assert back_office.get(path(other, f"deliveries/{strange}")).status_code == 404


def test_one_is_sent_again(back_office, endpoint, deliver):
    """C31: re-queueable."""
    (delivery,) = deliver()
    Delivery.objects.update(state="dead", due_at=None)
    told = back_office.post(path(endpoint, f"deliveries/{delivery.uid}/replay"), key="a").json()
    assert (told["id"], told["state"]) == (str(delivery.uid), "queued")


def test_the_dead_and_what_was_missed_are_sent_again(back_office, endpoint, deliver, at):
    deliver(2)
    Delivery.objects.filter(event__subject="license:L-0").update(state="dead")
    Delivery.objects.filter(event__subject="license:L-1").update(state="cancelled")
    assert back_office.post(path(endpoint, "replay")).json() == {"count": 1}
    since = (at - timedelta(hours=1)).isoformat()
    assert back_office.post(path(endpoint, "replay"), {"since": since}).json() == {"count": 1}
    assert Event.objects.filter(kind="webhook.replayed").count() == 2
    assert codes(back_office.post(path(endpoint, "replay"), {"since": "yesterday"})) == {"/since": "invalid"}


def test_an_endpoint_that_is_off_refuses_with_a_code(back_office, endpoint):
    back_office.patch(path(endpoint), {"enabled": False})
    for step in ("test", "replay"):
        refused = back_office.post(path(endpoint, step))
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_off")


# --- who may ----------------------------------------------------------------------------------------

CALLS = [
    ("get", ""), ("patch", ""), ("delete", ""), ("post", "rotate"), ("post", "test"), ("post", "replay"),
    ("get", "deliveries"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "step"), CALLS)
def test_a_key_without_the_scope_is_refused(viewer, storefront, endpoint, method, step):
    """C30"""
    for caller in (viewer, storefront):
        refused = caller._send(method, path(endpoint, step), {})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


@pytest.mark.parametrize(("method", "step"), CALLS)
def test_a_key_of_one_account_may_not_hear_of_all(api, make_key, customer, endpoint, method, step):
    """C30: endpoints hear of every account."""
    member = api.as_(make_key("full-admin", account=customer))
    refused = member._send(method, path(endpoint, step), {})
    assert (refused.status_code, refused.json()["code"]) == (403, "back_office_only")


def test_a_key_of_one_account_may_neither_list_nor_create(api, make_key, customer):
    member = api.as_(make_key("full-admin", account=customer))
    assert {member.get(LIST).status_code, member.post(LIST, BODY).status_code} == {403}


def test_a_stranger_is_nobody(api, endpoint):
    assert api.get(path(endpoint)).status_code == 401


# --- bounds -----------------------------------------------------------------------------------------


def test_an_unknown_endpoint_is_not_found(back_office):
    for step in ("", "/deliveries", f"/deliveries/{uuid4()}"):
        assert back_office.get(f"{LIST}/{uuid4()}{step}").status_code == 404
    assert back_office.get(f"{LIST}/not-an-id").status_code == 404


@pytest.mark.parametrize("step", ["", "/deliveries"])
def test_a_list_costs_the_same_for_few_and_for_many(back_office, make_endpoint, deliver, step):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            back_office.get(LIST + (f"/{endpoint.uid}{step}" if step else ""))
        return len(queries)

    endpoint = make_endpoint(kinds=["license.issued"])
    deliver()
    cost()  # the key's day of last use is written once
    few = cost()
    make_endpoint()
    deliver(5)
    assert cost() == few


ODD = st.recursive(
    st.sampled_from(
        [None, True, 0, -1, 0.5, "", "x" * 600, "https://[", "https://h.example/", "license.issued", "☃"]
    )
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("name", "url", "kinds", "products", "enabled", "since"), ODD)
    ),
    step=st.sampled_from(["", "replay", "create"]),
)
def test_no_body_breaks_an_operation(back_office, endpoint, body, step):
    """Trust: no 5xx for any input from outside."""
    if step == "create":
        answered = back_office.post(LIST, body)
    elif step:
        answered = back_office.post(path(endpoint, step), body)
    else:
        answered = back_office.patch(path(endpoint), body)
    assert answered.status_code < 500


# --- the schema -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema():
    with patched_settings({"PREPROCESSING_HOOKS": ["config.kit.api.routing.each_method"]}):
        return SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)


def operations(schema):
    return {(method, place): op for place, item in schema["paths"].items() for method, op in item.items()}


def test_every_operation_stands_in_the_schema(schema):
    assert {place: op["operationId"] for place, op in operations(schema).items()} == OPERATIONS


@pytest.mark.parametrize("place", OPERATIONS)
def test_every_operation_shows_an_example_of_its_answer(schema, place):
    responses = operations(schema)[place]["responses"]
    success = next(found for status, found in responses.items() if status in {"200", "201"})
    assert success["content"]["application/json"]["examples"]


def test_what_creates_takes_an_idempotency_key(schema):
    takers = {
        op["operationId"]
        for op in operations(schema).values()
        if any(p["name"] == "Idempotency-Key" for p in op.get("parameters", ()))
    }
    assert takers == {
        "webhook_endpoints_create",
        "webhook_endpoints_rotate",
        "webhook_endpoints_replay",
        "webhook_deliveries_replay",
    }


def test_no_other_answer_has_a_secret(schema):
    owners = {
        name
        for name, component in schema["components"]["schemas"].items()
        if "secret" in component.get("properties", {})
    }
    assert owners == {"WebhookWithSecret"}
