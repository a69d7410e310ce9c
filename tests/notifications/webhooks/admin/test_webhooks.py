"""Webhook endpoints in the admin."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors.webhooks import secrets_of
from notifications.services.webhooks import webhook_update
from tests.notifications.webhooks.conftest import answer

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]

LIST = "/admin/notifications/webhookendpoint/"
ADD = f"{LIST}add/"
GIVEN = {"name": "Vendor", "url": "https://hooks.example.com/signet", "which": "every"}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PAGES = ("change", "edit", "rotate", "remove", "test", "replay")


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def viewer(signed_in, auditor, clock):
    """Sees endpoints and may not change them."""
    return signed_in(auditor)


@pytest.fixture
def outsider(signed_in, issuer, clock):
    return signed_in(issuer)


@pytest.fixture
def endpoint(make_endpoint):
    return make_endpoint("https://hooks.example.com/T000/hush", kinds=["license.issued"])


def page(endpoint, name="change"):
    return reverse(f"admin:notifications_webhookendpoint_{name}", args=[endpoint.pk])


def text(answered):
    return answered.content.decode()


# --- making -----------------------------------------------------------------------------------------


def test_the_secret_is_shown_once(root, at):
    """C31: secret shown once."""
    made = root.post(ADD, GIVEN)
    (secret,) = SECRET.findall(text(made))
    row = WebhookEndpoint.objects.get()
    assert secrets_of(row, at=at) == (secret,)
    assert "no-store" in made.headers["Cache-Control"]
    for url in (LIST, *(page(row, name) for name in PAGES)):
        assert "whsec_" not in text(root.get(url)).replace("with the whsec_ in front", "")


def test_the_secret_is_in_no_cookie_session_message_or_event(root):
    """Trust: no webhook secret in the history."""
    made = root.post(ADD, GIVEN)
    (secret,) = SECRET.findall(text(made))
    for place in (made.cookies, dict(root.session), list(Event.objects.values())):
        assert secret.removeprefix("whsec_") not in str(place)


def test_kinds_are_chosen_in_groups_with_their_sentences(root):
    shown = text(root.get(ADD))
    assert "Installations and limits" in shown
    assert "A signed snapshot of a license was made." in shown
    root.post(ADD, {**GIVEN, "which": "chosen", "kinds": ["license.revoked", "license.issued"]})
    assert WebhookEndpoint.objects.get().kinds == ["license.issued", "license.revoked"]


def test_every_event_leaves_the_choice_aside(root):
    root.post(ADD, {**GIVEN, "kinds": ["license.issued"]})
    assert WebhookEndpoint.objects.get().kinds == []


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"url": "http://hooks.example.com/"}, "url", "must begin with https://"),
        ({"url": "https://127.0.0.1/"}, "url", "loopback"),
        ({"name": ""}, "name", "required"),
        ({"which": "chosen"}, "kinds", "at least one"),
        ({"which": "chosen", "kinds": ["license.eaten"]}, "kinds", "not one of the available"),
        ({"products": ["nothing"]}, "products", "not one of the available"),
    ],
)
def test_a_refusal_stands_at_its_field(root, more, field, words):
    shown = root.post(ADD, {**GIVEN, **more})
    assert words in str(shown.context["form"].errors[field])
    assert not WebhookEndpoint.objects.exists()


# --- changing ---------------------------------------------------------------------------------------


def test_an_endpoint_is_changed(root, endpoint):
    root.post(page(endpoint, "edit"), {**GIVEN, "name": "New", "which": "every"})
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.kinds) == ("New", [])


def test_the_form_holds_what_is_there(root, endpoint):
    shown = text(root.get(page(endpoint, "edit")))
    assert 'value="license.issued" checked' in shown
    assert 'value="license.revoked" checked' not in shown


def test_a_rotation_shows_the_new_secret_once(root, endpoint, at):
    """C31: rotated with overlap."""
    (secret,) = SECRET.findall(text(root.post(page(endpoint, "rotate"), {"_do": "1"})))
    assert secrets_of(WebhookEndpoint.objects.get(), at=at) == (secret, endpoint.secret)
    shown = text(root.get(page(endpoint)))
    assert "The one before signs as well until 2026-03-03 09:30 UTC." in shown
    assert "stops at once" in text(root.get(page(endpoint, "rotate")))


def test_switching_off_and_on_says_what_it_does(root, endpoint, deliver):
    deliver()
    root.post(page(endpoint, "switch"), {"enabled": "0"})
    assert Delivery.objects.get().state == "cancelled"
    shown = text(root.get(page(endpoint)))
    assert "Switched off by staff." in shown
    assert "Send a test event" not in shown
    root.post(page(endpoint, "switch"), {"enabled": "1"})
    assert WebhookEndpoint.objects.get().enabled


def test_switching_is_for_posts_only(root, endpoint):
    assert root.get(page(endpoint, "switch")).status_code == 405


def test_deleting_asks_twice_and_keeps_the_log(root, endpoint, deliver):
    deliver()
    assert root.post(page(endpoint, "remove"), {}).context["form"].errors["sure"]
    assert WebhookEndpoint.objects.get().deleted_at is None
    root.post(page(endpoint, "remove"), {"sure": "on"})
    assert root.get(page(endpoint)).status_code == 404
    assert Delivery.objects.get().state == "cancelled"


# --- testing and replaying --------------------------------------------------------------------------


def test_the_test_button_shows_status_time_and_answer(root, make_endpoint, serve):
    """C31: test button."""
    endpoint = make_endpoint(serve(answer(503, b"busy " + NASTY.encode())))
    shown = root.post(page(endpoint, "test"), {"_do": "1"})
    assert 'data-delivered="no"' in text(shown)
    for words in ("503", " ms</dd>", "busy &lt;script&gt;"):
        assert words in text(shown)
    assert "<script>alert" not in text(shown)


def test_what_is_dead_is_sent_again(root, endpoint, deliver):
    """C31: replay."""
    deliver(2)
    Delivery.objects.update(state="dead")
    assert "2 dead at this moment" in text(root.get(page(endpoint, "replay")))
    told = root.post(page(endpoint, "replay"), {"what": "dead"}, follow=True)
    assert "2 deliveries are on the way again." in text(told)
    assert "nothing to send again" in text(root.post(page(endpoint, "replay"), {"what": "dead"}, follow=True))


def test_everything_since_an_instant_is_sent_again(root, endpoint, deliver, at):
    deliver()
    Delivery.objects.update(state="cancelled")
    missing = root.post(page(endpoint, "replay"), {"what": "since"})
    assert missing.context["form"].errors["since"]
    since = f"{at - timedelta(hours=1):%Y-%m-%dT%H:%M}"
    root.post(page(endpoint, "replay"), {"what": "since", "since": since})
    assert Delivery.objects.get().state == "queued"


# --- the page ---------------------------------------------------------------------------------------


def test_the_page_tells_how_it_stands(root, endpoint, deliver, at):
    deliver(3)
    Delivery.objects.filter(event__subject="license:L-1").update(state="dead")
    WebhookEndpoint.objects.update(failing_since=at)
    shown = root.get(page(endpoint))
    assert (shown.context["waiting"], shown.context["dead"]) == (2, 1)
    assert "Every request has failed since 2026-03-02 09:30 UTC." in text(shown)
    assert root.get(shown.context["dead_url"]).context["cl"].result_count == 1


def test_an_endpoint_that_was_switched_off_says_why(root, endpoint):
    WebhookEndpoint.objects.update(enabled=False, disabled_reason="It answered 410 Gone.")
    assert "It answered 410 Gone." in text(root.get(page(endpoint)))


def test_who_may_only_look_sees_the_host_and_no_more_of_the_address(viewer, endpoint):
    """Trust: an address may be a secret of the receiver's."""
    for url in (LIST, page(endpoint)):
        shown = text(viewer.get(url))
        assert "hooks.example.com" in shown
        assert "hush" not in shown


def test_what_people_typed_is_shown_as_text(root, make_endpoint):
    endpoint = make_endpoint(name=NASTY)
    for url in (LIST, *(page(endpoint, name) for name in PAGES)):
        assert "<script>alert" not in text(root.get(url))
        assert "<img src=x" not in text(root.get(url))


# --- who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES[1:])
def test_a_viewer_has_no_button_no_page_and_no_way(viewer, endpoint, name):
    """D15: missing permission means no button, no page, 403."""
    assert viewer.get(page(endpoint, name)).status_code == 403
    assert viewer.post(page(endpoint, name), {"_do": "1"}).status_code == 403
    assert page(endpoint, name) not in text(viewer.get(page(endpoint)))


def test_a_viewer_neither_adds_nor_switches(viewer, endpoint):
    """D15"""
    assert viewer.post(ADD, GIVEN).status_code == 403
    assert viewer.post(page(endpoint, "switch"), {"enabled": "0"}).status_code == 403
    assert ADD not in text(viewer.get(LIST))


@pytest.mark.parametrize("name", PAGES)
def test_an_outsider_sees_nothing(outsider, endpoint, name):
    """D15"""
    assert outsider.get(page(endpoint, name)).status_code == 403
    assert outsider.get(LIST).status_code == 403


@pytest.mark.parametrize("name", ["edit", "rotate", "remove"])
def test_secrets_and_addresses_ask_for_a_second_factor(
    signed_in, superadmin, endpoint, settings, clock, name
):
    """D15: second factor for credentials."""
    settings.REQUIRE_SECOND_FACTOR = True
    browser = signed_in(superadmin, second_factor=False)
    for url in (ADD, page(endpoint, name)):
        assert "second" in browser.get(url).headers["Location"]
    browser.post(page(endpoint, "rotate"), {"_do": "1"})
    endpoint.refresh_from_db()
    assert endpoint.previous_sealed is None


def test_an_unknown_endpoint_is_not_found(root, endpoint):
    endpoint.pk += 1
    for name in PAGES[1:]:
        assert root.get(page(endpoint, name)).status_code == 404


def test_the_list_costs_the_same_for_few_and_for_many(root, make_endpoint, deliver):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert root.get(LIST).status_code == 200
        return len(queries)

    make_endpoint(kinds=["license.issued"])
    few = cost()
    for _ in range(5):
        make_endpoint(kinds=["license.issued"])
    deliver(3)
    assert cost() == few <= 8


def test_a_change_from_elsewhere_is_refused_in_words(root, endpoint, at):
    webhook_update(endpoint=endpoint, changes={"enabled": False}, actor="user:1", at=at)
    assert "switched off" in text(root.post(page(endpoint, "replay"), {"what": "dead"}))
