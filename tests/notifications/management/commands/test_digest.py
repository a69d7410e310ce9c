"""`manage.py digest …`."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from notifications.models import DigestRun, Message

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def command(clock):
    """Return a caller: `command("run", "--on", "2026-03-01")` gives what it prints."""

    def call(*arguments, code=0):
        out, err = StringIO(), StringIO()
        if code:
            with pytest.raises(SystemExit, match=str(code)):
                call_command("digest", *arguments, stdout=out, stderr=err)
        else:
            call_command("digest", *arguments, stdout=out, stderr=err)
        return out.getvalue() + err.getvalue()

    return call


def test_the_digest_of_today_is_made_whatever_its_hour(command, make_digest, make_ending):
    """D13: by command."""
    make_ending(2 * DAY)
    make_digest(hour=23)

    assert command("run") == "Daily, 2026-03-02: 0 by the end of the day, 1 later; mailed to 1\n"
    assert Message.objects.get().recipient == "ada@signet.example"


def test_running_twice_on_a_day_sends_once(command, make_digest, make_ending):
    """D13."""
    make_ending(2 * DAY)
    make_digest()
    command("run")

    assert command("run") == (
        "Daily, 2026-03-02: made already, at 2026-03-02 09:30 UTC; nothing is sent again\n"
    )
    assert Message.objects.count() == 1


def test_nothing_to_list_is_no_mail(command, make_digest):
    """D13."""
    make_digest()

    assert command("run") == "Daily, 2026-03-02: nothing to list; no mail\n"


def test_a_past_day_is_made_once(command, make_digest, make_ending):
    make_ending(-3 * DAY)
    make_digest()

    assert "1 by the end of the day, 0 later; mailed to 1" in command("run", "--on", "2026-02-27")
    assert "made already" in command("run", "--on", "2026-02-27")
    assert DigestRun.objects.get().day.isoformat() == "2026-02-27"


def test_a_dry_run_prints_the_mail_and_sends_nothing(command, make_digest, make_ending):
    make_ending(2 * DAY)
    make_digest()

    said = command("run", "--dry-run")

    assert said.startswith("Subject: Licenses: 1 within 30 days (Mon 2 Mar)\n")
    assert "Acme, Demo Enterprise" in said
    assert not Message.objects.exists()
    assert not DigestRun.objects.exists()


def test_one_digest_is_chosen_by_name(command, make_digest):
    make_digest()
    make_digest(name="Weekly")

    assert command("run", "--digest", "Weekly") == "Weekly, 2026-03-02: nothing to list; no mail\n"


def test_digests_that_are_off_are_passed_over(command, make_digest, make_ending):
    """D14: enabled."""
    make_ending(2 * DAY)
    make_digest(enabled=False)

    assert command("run") == "No digest is switched on.\n"
    assert "switched off" in command("run", "--digest", "Daily", code=1)
    assert not Message.objects.exists()


def test_a_digest_for_nobody_says_so(command, make_digest, make_ending):
    make_ending(2 * DAY)
    make_digest(recipients=[])

    assert "0 by the end of the day, 1 later; nobody receives this yet" in command("run")


def test_a_day_to_come_is_refused(command, make_digest):
    make_digest()

    assert "2026-03-03 has not begun in UTC." in command("run", "--on", "2026-03-03", code=1)


def test_an_unknown_digest_is_wrong_usage(command):
    with pytest.raises(CommandError) as stop:
        command("run", "--digest", "Hourly")

    assert stop.value.returncode == 2


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "20260302T00"])
def test_what_is_no_day_is_wrong_usage(command, day):
    with pytest.raises(CommandError, match="not a day"):
        command("run", "--on", day)


def test_the_list_says_when_each_runs_next(command, make_digest):
    """D14."""
    make_digest(hour=11, zone="Europe/Berlin")
    make_digest(name="Silent", enabled=False, recipients=[])

    assert command("list").splitlines() == [
        "Daily: 11:00 Europe/Berlin, 30 days ahead; next 2026-03-02 10:00 UTC; ada@signet.example",
        "Silent: 07:00 UTC, 30 days ahead; off; nobody receives this yet",
    ]
