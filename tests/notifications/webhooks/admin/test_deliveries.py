"""The log of webhook deliveries in the admin."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications.models import Delivery
from notifications.services.webhooks import webhook_delete, webhook_rotate
from tests.notifications.webhooks.conftest import answer

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]

LIST = "/admin/notifications/delivery/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def viewer(signed_in, auditor, clock):
    return signed_in(auditor)


@pytest.fixture
def tried(make_endpoint, deliver, send, serve):
    """A delivery whose first attempt failed."""
    endpoint = make_endpoint(serve(answer(500, f"no room {NASTY}".encode())), kinds=["license.issued"])
    (delivery,) = deliver(data={"jti": "abc"})
    send(endpoint)
    delivery.refresh_from_db()
    delivery.endpoint.secret = endpoint.secret
    return delivery


def page(delivery, name="change"):
    return reverse(f"admin:notifications_delivery_{name}", args=[delivery.pk])


def text(answered):
    return answered.content.decode()


def shown(browser, **query):
    return {row.event.subject for row in browser.get(LIST, query).context["cl"].result_list}


def test_the_page_shows_attempts_headers_and_body(root, tried):
    """C31: page of one delivery; signature shown, secret never."""
    found = text(root.get(page(tried)))
    for words in (
        "Answered 500 Internal Server Error.",
        "no room",
        "webhook-signature",
        "v1,",
        str(tried.uid),
        "abc",
    ):
        assert words in found
    assert tried.endpoint.secret.removeprefix("whsec_") not in found
    assert NASTY not in found


def test_the_signature_is_that_of_the_last_attempt(root, tried):
    """Looking at the page makes no signature that would still be fresh."""
    headers = root.get(page(tried)).context["headers"]
    assert headers["webhook-timestamp"] == str(int(tried.log.get().at.timestamp()))


def test_a_delivery_that_waits_says_when_it_goes_out(root, tried, clock):
    assert f"Attempt 2 is due on {tried.due_at:%Y-%m-%d %H:%M} UTC." in text(root.get(page(tried)))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("dead", "waits for somebody"),
        ("cancelled", "It was cancelled"),
        ("claimed", "being sent"),
        ("delivered", "It arrived"),
    ],
)
def test_every_state_is_a_sentence(root, tried, state, words):
    Delivery.objects.update(state=state, settled_at=tried.created_at)
    assert words in text(root.get(page(tried)))


def test_the_log_is_filtered(root, make_endpoint, deliver):
    """C31: delivery log with filters."""
    endpoint, other = make_endpoint(kinds=["license.issued"]), make_endpoint(kinds=["license.revoked"])
    deliver(2)
    deliver(subject="license:L-other", kind="license.revoked")
    Delivery.objects.filter(event__subject="license:L-1").update(state="dead")
    assert shown(root, state__exact="dead") == {"license:L-1"}
    assert shown(root, endpoint__id__exact=other.pk) == {"license:L-other"}
    assert shown(root, kind="license.issued") == {"license:L-0", "license:L-1"}
    assert shown(root, subject="license:L-0") == {"license:L-0"}
    assert shown(root, subject="a\0b") == set()
    assert shown(root, created_at_from="2027-01-01") == set()
    one = endpoint.deliveries.first()
    assert shown(root, q=str(one.uid)) == {one.event.subject}
    assert shown(root, q="nonsense") == set()


def test_one_is_sent_again(root, tried):
    """C31: re-queueable."""
    Delivery.objects.update(state="dead", due_at=None)
    root.post(page(tried, "replay"))
    tried.refresh_from_db()
    assert (tried.state, tried.attempts) == ("queued", 0)


def test_chosen_ones_are_sent_again_and_refusals_are_told(root, make_endpoint, deliver):
    make_endpoint(kinds=["license.issued"])
    rows = deliver(3)
    Delivery.objects.update(state="dead")
    Delivery.objects.filter(pk=rows[0].pk).update(state="claimed")
    given = {"action": "replay_chosen", "_selected_action": [row.pk for row in rows]}
    told = text(root.post(LIST, given, follow=True))
    assert "2 on the way again." in told
    assert "1 not sent: This delivery is being sent at this moment." in told


def test_an_endpoint_that_is_gone_has_no_button_and_no_headers(root, tried, at):
    webhook_delete(endpoint=tried.endpoint, actor="user:1", at=at)
    found = root.get(page(tried))
    assert (found.context["can_replay"], found.context["headers"]) == (False, {})
    assert "off or deleted" in text(found)
    assert "(deleted)" in text(root.get(LIST))
    assert "no such webhook endpoint" in text(root.post(page(tried, "replay"), follow=True))


def test_without_the_sealing_key_the_page_still_opens(root, tried, settings):
    settings.KEY_ENCRYPTION_KEYS = ["bmV3LWtleS1lbmNyeXB0aW9uLWtleS0zMi1ieXRlcyE="]
    settings.REQUIRE_SECOND_FACTOR = False
    assert root.get(page(tried)).context["headers"] == {}


def test_after_a_rotation_no_page_shows_either_secret(root, tried, at):
    """Trust: secrets never in admin HTML."""
    _, new = webhook_rotate(endpoint=tried.endpoint, actor="user:1", at=at)
    found = text(root.get(page(tried)))
    assert new.removeprefix("whsec_") not in found
    assert tried.endpoint.secret.removeprefix("whsec_") not in found


def test_who_may_only_look_sends_nothing_again(viewer, tried):
    """D15: missing permission means no button, no page, 403."""
    found = viewer.get(page(tried))
    assert (found.status_code, found.context["can_replay"]) == (200, False)
    assert viewer.post(page(tried, "replay")).status_code == 403
    viewer.post(LIST, {"action": "replay_chosen", "_selected_action": [tried.pk]})
    tried.refresh_from_db()
    assert tried.attempts == 1


def test_an_outsider_sees_nothing(signed_in, issuer, tried):
    """D15"""
    outsider = signed_in(issuer)
    assert {outsider.get(LIST).status_code, outsider.get(page(tried)).status_code} == {403}


def test_nothing_is_posted_to_the_page_itself(root, tried):
    assert root.post(page(tried), {"state": "delivered"}).status_code == 405


def test_the_list_costs_the_same_for_few_and_for_many(root, make_endpoint, deliver):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert root.get(LIST).status_code == 200
        return len(queries)

    make_endpoint(kinds=["license.issued"])
    deliver()
    few = cost()
    deliver(10)
    assert cost() == few <= 9
