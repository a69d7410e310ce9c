"""Customer notices in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from history.models import Event
from notifications.models import Message, NoticePolicy
from notifications.selectors.notices import policy_get

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LIST = "/admin/notifications/noticepolicy/"
PAGE = f"{LIST}1/change/"
PREVIEW = f"{LIST}1/preview/"
FRAME = f"{LIST}1/preview/mail/"
GIVEN = {
    "enabled": "on",
    "kinds": ["commercial", "trial"],
    "days_before": "30, 14, 7, 1, 0",
    "days_after": "7",
    "hour": "9",
    "zone": "Europe/Berlin",
    "reply_to": "renewals@signet.example",
}


@pytest.fixture
def manager(signed_in, license_manager, clock):
    return signed_in(license_manager)


@pytest.fixture
def ending(make_ending, make_account, at):
    """Return a maker of licenses of an account with an address."""
    account = make_account("Globex", slug="globex", email="it@globex.example")
    return lambda delta, **fields: make_ending(
        delta, **{"account": account, "made_at": at - 60 * DAY, **fields}
    )


def errors(answer):
    return {name: list(found) for name, found in answer.context["adminform"].form.errors.items()}


def test_the_one_page_stands_in_the_place_of_the_list(manager):
    assert b"Off: no customer is written to" in manager.get(LIST).content
    assert manager.get(PAGE).status_code == 200
    assert manager.get(f"{LIST}2/change/").status_code == 404


def test_notices_are_switched_on_and_set_on_the_page(manager, license_manager):
    answer = manager.post(PAGE, GIVEN)

    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    policy = NoticePolicy.objects.get()
    assert (policy.enabled, policy.zone, policy.reply_to) == (
        True, "Europe/Berlin", "renewals@signet.example",
    )  # fmt: skip
    assert (policy.days_before, policy.days_after) == ([30, 14, 7, 1, 0], [7])
    assert Event.objects.get(kind="setting.changed").actor == f"user:{license_manager.pk}"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("days_before", "30, soon", "Write whole numbers of days, as in 30, 14, 7."),
        ("days_before", "366", "Whole numbers from 0 to 365."),
        ("days_before", "", None),
        ("days_after", "0", "Whole numbers from 1 to 365."),
        ("kinds", ["test"], "Select a valid choice. test is not one of the available choices."),
        ("kinds", [], "Choose at least one kind."),
        ("reply_to", "nobody", "Enter a valid email address."),
        ("zone", "Mars/Base", "Select a valid choice. Mars/Base is not one of the available choices."),
    ],
)
def test_what_cannot_be_stands_at_its_field(manager, field, value, says):
    given = {**GIVEN, field: value, **({"days_after": ""} if says is None else {})}

    answer = manager.post(PAGE, given)

    assert errors(answer) == {field: [says or "Say on which days customers are told."]}
    assert not policy_get().enabled


def test_the_page_says_what_switching_on_would_do(manager, ending):
    """Nobody is mailed by surprise."""
    ending(7 * DAY)

    page = manager.get(PAGE).content.decode()

    assert "Off: no customer is written to" in page
    assert "Would be sent at once, were it on" in page
    assert "1 notice<" in page


def test_the_page_shows_who_cannot_be_told(manager, make_ending, at):
    row = make_ending(7 * DAY, made_at=at - 60 * DAY)

    page = manager.get(PAGE).content.decode()

    assert "Cannot be told: the account has no e-mail address" in page
    assert f"/admin/accounts/account/{row.account_id}/change/" in page


def test_the_page_warns_when_answers_go_nowhere(manager):
    manager.post(PAGE, {**GIVEN, "reply_to": ""})

    assert b"Answers go nowhere in particular" in manager.get(PAGE).content


def test_the_page_takes_a_bounded_number_of_queries(manager, ending):
    for _ in range(5):
        ending(7 * DAY)
    manager.get(PAGE)

    with CaptureQueriesContext(connection) as queries:
        manager.get(PAGE)

    assert len(queries) <= 14


# --- preview ----------------------------------------------------------------------------------------------


def test_the_preview_takes_the_license_that_ends_next(manager, ending):
    ending(40 * DAY)
    ending(20 * DAY)

    page = manager.get(PREVIEW, {"as": "text"}).content.decode()

    assert "Your Demo license ends in 20 days" in page
    assert "To it@globex.example." in page
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("step", "subject"),
    [("-30", "ends in 30 days"), ("-1", "ends tomorrow"), ("0", "ends today"), ("", "ends in 40 days")],
)
def test_the_preview_shows_each_step_of_a_license(manager, ending, step, subject):
    row = ending(40 * DAY)

    page = manager.get(PREVIEW, {"license": row.public_id, "when": step}).content.decode()

    assert f"Your Demo license {subject}" in page


def test_the_mail_stands_in_a_frame_that_runs_nothing(manager, ending):
    answer = manager.get(FRAME, {"license": ending(7 * DAY).public_id})

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert b"Your Demo license ends in 7 days" in answer.content


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, b"No license ends. Name one."),
        ({"license": "L-NOPE"}, b"There is no such license."),
        ({"when": "5"}, b"Select a valid choice."),
    ],
)
def test_a_preview_of_nothing_says_why(manager, query, says):
    assert says in manager.get(PREVIEW, query).content
    assert manager.get(FRAME, query).status_code == 404


def test_a_perpetual_license_has_no_notice(manager, make_license, community):
    row = make_license(community)

    assert b"A perpetual license has no end" in manager.get(PREVIEW, {"license": row.public_id}).content


# --- who may ----------------------------------------------------------------------------------------------


def test_without_permission_there_is_no_page_and_no_entry(signed_in, issuer, clock):
    """D15: configure notification."""
    browser = signed_in(issuer)

    assert [browser.get(url).status_code for url in (LIST, PAGE, PREVIEW, FRAME)] == [403] * 4
    assert browser.post(PAGE, GIVEN).status_code == 403
    assert b"/notifications/noticepolicy/" not in browser.get("/admin/").content


def test_who_only_sees_finds_no_button_and_changes_nothing(signed_in, auditor, clock):
    """D15: a user lacking it gets 403 and no button."""
    browser = signed_in(auditor)

    assert b'name="_save"' not in browser.get(PAGE).content
    assert browser.post(PAGE, GIVEN).status_code == 403
    assert not NoticePolicy.objects.exists()
