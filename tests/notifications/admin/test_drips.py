"""Steps of the trial mail in the admin."""

from __future__ import annotations

import pytest
from django.forms import model_to_dict
from django.urls import reverse

from history.models import Event
from notifications.admin.drips import hours_in_words
from notifications.models import DripStep

pytestmark = pytest.mark.django_db

LIST = "/admin/notifications/dripstep/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def step(db):
    return DripStep.objects.get(slug="install-help")


def page(row):
    return reverse("admin:notifications_dripstep_change", args=[row.pk])


def given(row, **changed):
    data = {**model_to_dict(row, exclude=["id", "stream"]), **changed}
    return {name: value for name, value in data.items() if value is not None and value is not False}


def text(answered):
    return answered.content.decode()


def test_the_list_stands_in_order_and_says_when_in_words(root):
    """A25: steps and days are rows."""
    answered = root.get(LIST)
    assert [row.slug for row in answered.context["cl"].result_list][:3] == [
        "welcome",
        "install-help",
        "middle",
    ]
    for words in ("at the start", "2 days after the start", "7 days before the end"):
        assert words in text(answered)


def test_a_step_is_changed_with_one_event(root, step):
    """A25: rows that staff can edit."""
    root.post(page(step), given(step, offset_hours=72, zone="Europe/Berlin"))
    step.refresh_from_db()
    assert (step.offset_hours, step.zone, step.stream) == (72, "Europe/Berlin", "trial")
    (event,) = Event.objects.filter(kind="drip.changed")
    assert event.data["fields"] == ["offset_hours", "zone"]


def test_a_step_is_switched_off(root, step):
    root.post(page(step), given(step, enabled=False))
    step.refresh_from_db()
    assert not step.enabled


def test_saving_what_is_there_writes_no_event(root, step):
    root.post(page(step), given(step))
    assert not Event.objects.filter(kind="drip.changed").exists()


def test_a_step_is_added_and_no_second_one_of_its_name(root, step):
    row = DripStep(
        slug="last-day", name=NASTY, anchor="ends", offset_hours=-24, window_hours=12, condition="running",
        template="trial_ending",
    )  # fmt: skip
    root.post(f"{LIST}add/", given(row))
    assert DripStep.objects.get(slug="last-day").stream == "trial"
    assert NASTY not in text(root.get(LIST))
    assert "There is a step last-day already." in text(root.post(f"{LIST}add/", given(row)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"hour_from": 12, "hour_to": 12}, "Later than the first hour."),
        ({"offset_hours": 99999}, "At most a year before or after."),
        ({"window_hours": 0}, "At least an hour, at most a year."),
        ({"template": "trial_nudge"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_stands_at_its_field(root, step, changed, words):
    assert words in text(root.post(page(step), given(step, **changed)))


def test_the_license_mail_stays_owed(root):
    """A21: the welcome carries the license, and nobody unsubscribes from it."""
    welcome = DripStep.objects.get(slug="welcome")
    root.post(page(welcome), given(welcome, name="Hello"))
    welcome.refresh_from_db()
    assert (welcome.name, welcome.stream) == ("Hello", "transactional")


def test_who_may_not_configure_only_looks(signed_in, auditor, step, clock):
    """D15: accounts.configure_notification."""
    browser = signed_in(auditor)
    assert 'name="_save"' not in text(browser.get(page(step)))
    assert browser.post(page(step), given(step, name="x")).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403


def test_who_sees_no_notifications_sees_no_steps(signed_in, make_user, step, clock):
    assert signed_in(make_user()).get(page(step)).status_code == 403


def test_the_list_costs_the_same_for_many(root, step, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        root.get(LIST)


@pytest.mark.parametrize(
    ("hours", "words"), [(0, "0 hours"), (1, "1 hour"), (24, "1 day"), (49, "2 days 1 hour")]
)
def test_hours_in_words(hours, words):
    assert hours_in_words(hours) == words
