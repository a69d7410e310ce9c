"""What follows the steps of a spell over the node cap: mail, and a task for staff."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.attention import look
from history.services import reader_run, sequence
from licenses.attention import NODE_CAPS
from licenses.domain.heartbeats import Beat
from licenses.models import Installation
from licenses.services.heartbeats import beat_apply
from licenses.services.node_caps import node_cap_sweep
from notifications.models import Message
from notifications.parts import parts_unseal
from notifications.services.node_cap_mail import READER
from tests.trials.conftest import *  # noqa: F403 - a trial that grows over its cap

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def sweep(at) -> None:
    """What beat does, twice: a second run finds nothing to do."""
    for _ in range(2):
        node_cap_sweep(at=at)
        sequence(at=at)
        reader_run(READER, at=at)


def beat(license_, at, nodes=9) -> None:
    beat_apply(license_pk=license_.pk, beat=Beat("install-0001", "2.4.1", "Linux", nodes), at=at)


def sent() -> list[tuple[str, str]]:
    return list(
        Message.objects.filter(template="node_cap").order_by("id").values_list("recipient", "subject")
    )


def problems(at) -> list[str]:
    return [problem.title for problem in look(NODE_CAPS, at=at).problems]


@pytest.fixture
def over(make_license, make_account, license_manager, at):
    """An installation that runs 9 nodes under a license for 4, of a customer whom somebody looks after."""
    sweep(at)
    row = make_license(account=make_account("Globex", email="ops@globex.example", owner=license_manager))
    beat(row, at)
    return row


def test_each_step_up_is_mailed_once_to_the_customer_and_to_staff(over, license_manager, at):
    """A16: one message a step, installation and episode; sweeping again makes none."""
    for day in range(45):
        sweep(at + day * DAY)
    assert sent() == [
        ("ops@globex.example", "Your Demo is outgrowing its license"),
        (license_manager.email, "Globex runs 9 nodes under a license for 4"),
        ("ops@globex.example", "Your Demo has outgrown its license"),
        (license_manager.email, "Globex runs 9 nodes under a license for 4"),
    ]
    texts = [" ".join(parts_unseal(row.parts).text.split()) for row in Message.objects.order_by("id")]
    assert "Nothing is blocked, and nothing will be" in texts[0]
    assert f"/admin/licenses/license/{over.pk}/change/" in texts[1]
    assert not any("/admin/" in text for text in texts[::2])


def test_each_step_up_is_one_task_for_staff(over, at):
    """A16, A15: none in the quiet days, one from the notice on, urgent when it escalates, none when it ends."""
    for day, urgent in ((6, []), (7, [False]), (30, [True])):
        sweep(at + day * DAY)
        assert [problem.urgent for problem in look(NODE_CAPS, at=at + day * DAY).problems] == urgent
    assert problems(at + 30 * DAY) == ["Globex runs 9 nodes under a license for 4"]
    beat(over, at + 31 * DAY, nodes=4)
    assert problems(at + 31 * DAY) == []


def test_a_later_spell_is_mailed_anew(over, at):
    """A15, A16: once a step and episode."""
    sweep(at + 8 * DAY)
    beat(over, at + 9 * DAY, nodes=4)
    beat(over, at + 10 * DAY)
    sweep(at + 12 * DAY)
    assert len(sent()) == 2
    sweep(at + 17 * DAY)
    assert len(sent()) == 4


def test_a_spell_that_ended_before_anybody_wrote_is_not_mailed(over, at):
    node_cap_sweep(at=at + 7 * DAY)
    beat(over, at + 7 * DAY, nodes=2)
    sweep(at + 7 * DAY)
    assert sent() == []


def test_an_installation_that_was_set_aside_is_not_mailed_about(over, at):
    node_cap_sweep(at=at + 7 * DAY)
    Installation.objects.update(set_aside_at=at + 7 * DAY)
    sweep(at + 7 * DAY)
    assert (sent(), problems(at + 7 * DAY)) == ([], [])


def test_an_operators_cap_that_is_higher_changes_nothing(make_license, make_account, at):
    """A14: tighten only; a lower one is what counts."""
    sweep(at)
    for name, cap in (("Globex", 99), ("Initech", 2)):
        row = make_license(account=make_account(name, email=f"ops@{name.lower()}.example"))
        beat_apply(license_pk=row.pk, beat=Beat(f"install-{name}", "2.4.1", "Linux", 3, cap), at=at)
    sweep(at + 7 * DAY)
    assert [address for address, _ in sent()] == ["ops@initech.example"]


def test_a_trial_is_written_to_where_it_was_asked_for(running, at):
    """A16: an account of a request by mail has that address; without one the trial's own is taken."""
    running.account.email = ""
    running.account.save(update_fields=["email"])
    sweep(at)
    beat(running.license, at)
    sweep(at + 7 * DAY)
    assert [address for address, _ in sent()] == ["ada@initech.example"]
