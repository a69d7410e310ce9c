"""Digests in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event
from notifications.digest_content import LINES
from notifications.models import DigestRun, ExpiryDigest, Message

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LIST = "/admin/notifications/expirydigest/"
GIVEN = {
    "name": "Daily",
    "enabled": "on",
    "recipients": "ada@signet.example\nbob@signet.example",
    "days_ahead": "30",
    "hour": "7",
    "zone": "Europe/Berlin",
    "weekdays": ["0", "1", "2", "3", "4"],
    "kinds": ["commercial", "trial"],
}


@pytest.fixture
def manager(signed_in, license_manager, clock):
    """May configure notifications."""
    return signed_in(license_manager)


@pytest.fixture
def support(signed_in, make_user, clock):
    """Sees mail and its settings, and may not configure them."""
    return signed_in(make_user("support"))


@pytest.fixture
def outsider(signed_in, issuer, clock):
    """Neither sees nor configures notifications."""
    return signed_in(issuer)


def address(digest, name="change"):
    return reverse(f"admin:notifications_expirydigest_{name}", args=[digest.pk])


def errors(answer):
    return {name: list(found) for name, found in answer.context["adminform"].form.errors.items()}


# --- settings -------------------------------------------------------------------------------------------


def test_a_digest_is_set_up_on_its_page(manager, license_manager):
    """D14: enabled, recipients, days, hour, zone, weekdays, kinds, internal."""
    answer = manager.post(f"{LIST}add/", {**GIVEN, "include_internal": "on", "days_ahead": "14"})

    assert answer.status_code == 302
    digest = ExpiryDigest.objects.get()
    assert (digest.enabled, digest.days_ahead, digest.hour, digest.zone) == (True, 14, 7, "Europe/Berlin")
    assert digest.recipients == ["ada@signet.example", "bob@signet.example"]
    assert (digest.weekdays, digest.kinds) == ([0, 1, 2, 3, 4], ["commercial", "trial"])
    assert (digest.include_internal, digest.send_empty) == (True, False)
    assert Event.objects.get(kind="setting.changed").actor == f"user:{license_manager.pk}"


def test_a_new_digest_begins_with_the_defaults(manager):
    """D14: thirty days before expiry, every kind, every day."""
    form = manager.get(f"{LIST}add/").context["adminform"].form

    assert form["days_ahead"].value() == 30
    assert form["hour"].value() == 7
    assert form["weekdays"].value() == [0, 1, 2, 3, 4, 5, 6]
    assert form["kinds"].value() == ["commercial", "trial", "test"]
    assert form["enabled"].value() is True


def test_a_digest_is_changed_on_its_page(manager, make_digest):
    """D14."""
    digest = make_digest()

    answer = manager.post(address(digest), {**GIVEN, "hour": "9", "enabled": ""})

    digest.refresh_from_db()
    assert (answer.status_code, digest.hour, digest.enabled) == (302, 9, False)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("recipients", "ada@signet.example\nbob", "“bob” is no e-mail address."),
        ("days_ahead", "366", "Ensure this value is less than or equal to 365."),
        ("days_ahead", "", "This field is required."),
        ("hour", "24", "Select a valid choice. 24 is not one of the available choices."),
        ("zone", "Mars/Base", "Select a valid choice. Mars/Base is not one of the available choices."),
        ("weekdays", [], "Choose at least one day of the week."),
        ("kinds", [], "Choose at least one kind."),
        ("kinds", ["gift"], "Select a valid choice. gift is not one of the available choices."),
        ("name", "", "This field is required."),
    ],
)
def test_what_cannot_be_stands_at_its_field(manager, make_digest, field, value, says):
    """D14: each refusal at its field, and nothing is changed."""
    digest = make_digest()

    answer = manager.post(address(digest), {**GIVEN, "hour": "9", field: value})

    assert (answer.status_code, errors(answer)) == (200, {field: [says]})
    digest.refresh_from_db()
    assert digest.hour == 7


def test_a_name_is_taken_once(manager, make_digest):
    make_digest()

    assert "name" in errors(manager.post(f"{LIST}add/", GIVEN))


def test_recipients_may_be_typed_with_commas(manager):
    manager.post(f"{LIST}add/", {**GIVEN, "recipients": "ada@signet.example, bob@signet.example;\n\n"})

    assert ExpiryDigest.objects.get().recipients == ["ada@signet.example", "bob@signet.example"]


def test_a_zone_that_is_not_listed_stays_choosable(manager, make_digest):
    digest = make_digest(zone="CET")

    assert b'value="CET" selected' in manager.get(address(digest)).content


# --- what the page tells --------------------------------------------------------------------------------


def test_the_page_says_when_the_next_one_is_made(manager, make_digest):
    page = manager.get(address(make_digest(hour=11, zone="Europe/Berlin"))).content.decode()

    assert "Mon 2026-03-02 11:00 Europe/Berlin" in page
    assert "2026-03-02 10:00 UTC" in page


def test_the_page_says_that_one_is_due(manager, make_digest):
    assert b"within ten minutes" in manager.get(address(make_digest(hour=9))).content


def test_a_digest_for_nobody_says_so(manager, make_digest):
    digest = make_digest(recipients=[])

    assert b"nobody receives this yet" in manager.get(LIST).content
    assert b"Nobody receives this yet. Add an address below." in manager.get(address(digest)).content


def test_the_page_shows_the_last_runs_with_their_mails(manager, make_digest, make_ending):
    make_ending(DAY)
    digest = make_digest()
    manager.post(address(digest, "run_now"))

    page = manager.get(address(digest)).content.decode()

    assert "Mon 2026-03-02" in page
    assert "ada@signet.example" in page
    assert "queued" in page


def test_the_pages_take_a_bounded_number_of_queries(manager, make_digest, at):
    """However many digests and runs there are."""
    digests = [make_digest(name=f"Digest {number}") for number in range(12)]
    for number in range(40):
        DigestRun.objects.create(digest=digests[0], day=at.date() - number * DAY, state="empty", made_at=at)
    manager.get(LIST)

    with CaptureQueriesContext(connection) as listed:
        manager.get(LIST)
    with CaptureQueriesContext(connection) as shown:
        page = manager.get(address(digests[0])).content.decode()

    assert len(listed) <= 12
    assert len(shown) <= 14
    assert page.count("data-row") == 14


# --- preview and run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", ["desktop", "phone", "text"])
def test_the_preview_shows_the_mail_as_it_would_be(manager, make_digest, make_ending, look):
    make_ending(DAY)

    page = manager.get(address(make_digest(), "preview"), {"as": look}).content.decode()

    assert "Licenses: 1 within 30 days (Mon 2 Mar)" in page
    assert ("Acme, Demo Enterprise" in page) is (look == "text")
    assert not Message.objects.exists()


def test_the_mail_stands_in_a_frame_that_runs_nothing(manager, make_digest, make_ending, make_account):
    make_ending(DAY, account=make_account("<script>alert(1)</script>", slug="eve"))

    answer = manager.get(address(make_digest(), "mail"))

    assert b"&lt;script&gt;" in answer.content
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_the_preview_says_what_it_does_not_show(manager, make_digest, make_endings):
    make_endings(LINES + 1)

    page = manager.get(address(make_digest(recipients=[]), "preview")).content.decode()

    assert f"The mail shows the first {LINES} lines" in page
    assert "nobody receives this yet" in page


def test_running_now_asks_first(manager, make_digest, make_ending):
    make_ending(DAY)
    digest = make_digest()

    page = manager.get(address(digest, "run_now")).content.decode()

    assert "The digest of Monday 2026-03-02 (UTC) is made now." in page
    assert "It says “Licenses: 1 within 30 days (Mon 2 Mar)”." in page
    assert "To ada@signet.example." in page
    assert not DigestRun.objects.exists()


def test_running_now_sends_today_s_digest_once(manager, make_digest, make_ending):
    """D13: over HTTP, too, twice on a day sends once."""
    make_ending(DAY)
    digest = make_digest()

    first = manager.post(address(digest, "run_now"), follow=True).content.decode()
    second = manager.post(address(digest, "run_now"), follow=True).content.decode()

    assert "1 license is on its way to 1 recipient." in first
    assert "nothing was sent again" in second
    assert Message.objects.count() == 1


def test_running_an_empty_digest_says_that_nothing_was_sent(manager, make_digest):
    """D13: with nothing to list it sends nothing."""
    page = manager.post(address(make_digest(), "run_now"), follow=True).content.decode()

    assert "There is nothing to list today: no mail was sent." in page


def test_running_a_digest_for_nobody_says_so(manager, make_digest):
    page = manager.post(address(make_digest(recipients=[]), "run_now"), follow=True).content.decode()

    assert "No mail was sent: nobody receives this yet." in page


def test_a_digest_that_is_off_is_not_run(manager, make_digest):
    """D14: enabled."""
    answer = manager.post(address(make_digest(enabled=False), "run_now"))

    assert b"switched off" in answer.content
    assert not DigestRun.objects.exists()


# --- who may --------------------------------------------------------------------------------------------

PAGES = ("change", "preview", "mail", "run_now")


def test_without_permission_there_is_no_page_and_no_entry(outsider, make_digest):
    """D15: configure notification."""
    digest = make_digest()

    assert outsider.get(LIST).status_code == 403
    assert [outsider.get(address(digest, name)).status_code for name in PAGES] == [403] * 4
    assert outsider.post(address(digest, "run_now")).status_code == 403
    assert b"/notifications/expirydigest/" not in outsider.get("/admin/").content


def test_who_only_sees_finds_no_button_and_changes_nothing(support, make_digest, make_ending):
    """D15: a user lacking it gets 403 and no button."""
    make_ending(DAY)
    digest = make_digest()

    page = support.get(address(digest)).content.decode()

    assert address(digest, "run_now") not in page
    assert 'name="_save"' not in page
    assert support.post(address(digest), GIVEN).status_code == 403
    assert support.post(f"{LIST}add/", GIVEN).status_code == 403
    assert support.get(address(digest, "run_now")).status_code == 403
    assert support.post(address(digest, "run_now")).status_code == 403
    assert not DigestRun.objects.exists()


def test_no_digest_is_deleted(manager, make_digest):
    """Its runs say what was sent."""
    assert manager.post(address(make_digest(), "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["change", "preview", "run_now"])
def test_an_unknown_digest_is_not_found(manager, name):
    answer = manager.get(reverse(f"admin:notifications_expirydigest_{name}", args=[404]))

    assert answer.status_code in {302, 404}  # Django's own page sends to the front
