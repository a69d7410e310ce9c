from __future__ import annotations

from datetime import timedelta

import pytest

from history.models import Event
from licenses.domain.heartbeats import Beat
from licenses.models import Installation
from licenses.services.heartbeats import beat_apply
from licenses.services.installations import AlreadySetAside, installation_set_aside
from licenses.usage import license_usage


@pytest.fixture
def running(make_license, at):
    """An installation that runs 9 nodes of 4."""
    row = make_license()
    beat_apply(license_pk=row.pk, beat=Beat("install-0001", "2.4.1", "Linux 6.1", 9, seats_used=5), at=at)
    return Installation.objects.select_related("license").get()


def test_an_installation_that_is_set_aside_is_not_counted(running, at):
    """D12: neither its nodes nor its seats nor the day it was seen."""
    installation_set_aside(installation=running, actor="user:1", at=at)
    usage = license_usage(running.license, at)
    assert (usage.installations, usage.set_aside, usage.last_seen_at) == (0, 1, None)
    assert [used.used for used in usage.limits] == [None, None, 0, 0]


def test_its_spell_over_the_cap_ends_with_it(running, at):
    """A15: one event for each of the two changes."""
    installation_set_aside(installation=running, actor="user:1", at=at)
    assert not running.episodes.filter(ended_at=None).exists()
    kinds = list(Event.objects.filter(actor="user:1").order_by("pk").values_list("kind", flat=True))
    assert kinds == ["installation.changed", "node_cap.cleared"]


def test_its_next_heartbeat_takes_it_back(running, at):
    installation_set_aside(installation=running, actor="user:1", at=at)
    beat = Beat("install-0001", "2.4.1", "Linux 6.1", 2)
    beat_apply(license_pk=running.license_id, beat=beat, at=at + timedelta(hours=1))
    assert license_usage(running.license, at).installations == 1


def test_setting_aside_again_changes_nothing(running, at):
    installation_set_aside(installation=running, actor="user:1", at=at)
    events = Event.objects.count()
    with pytest.raises(AlreadySetAside):
        installation_set_aside(installation=running, actor="user:1", at=at + timedelta(days=1))
    running.refresh_from_db()
    assert (running.set_aside_at, Event.objects.count()) == (at, events)


def test_over_and_full_are_told_apart(running, at):
    """D12, A15: over the limit is said, never hidden by a bar that is merely full."""
    usage = license_usage(running.license, at)
    nodes = next(used for used in usage.limits if used.name == "nodes")
    seats = next(used for used in usage.limits if used.name == "seats")
    assert (nodes.used, nodes.over, nodes.full) == (9, True, True)
    assert (seats.used, seats.over, seats.full) == (5, False, False)
