"""Spells over the node cap, raised by time alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from history.models import Event
from licenses.domain.heartbeats import Beat
from licenses.models import Installation, NodeCapEpisode
from licenses.services.heartbeats import beat_apply
from licenses.services.node_caps import node_cap_sweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def over(granted, at):
    """An installation that runs 9 nodes under a license for 4, since `at`."""
    beat_apply(license_pk=granted.license.pk, beat=Beat("install-0001", "2.4.1", "Linux", 9), at=at)
    return NodeCapEpisode.objects.get()


def steps() -> list[str]:
    rows = Event.objects.filter(kind="node_cap.escalated").order_by("id")
    return [row.data["state"] for row in rows]


def test_each_step_up_is_one_event(over, at):
    """A15, A16: notice at day 7, escalated at day 30; sweeping again makes none."""
    for day in range(40):
        node_cap_sweep(at=at + timedelta(days=day))
        node_cap_sweep(at=at + timedelta(days=day))
    assert steps() == ["notice", "escalated"]
    over.refresh_from_db()
    assert (over.state, over.due_at) == ("escalated", None)


def test_nothing_is_said_a_second_before_its_time(over, at):
    """A15: the boundary of the quiet days."""
    node_cap_sweep(at=at + timedelta(days=7, seconds=-1))
    assert steps() == []
    node_cap_sweep(at=at + timedelta(days=7))
    assert steps() == ["notice"]


def test_a_sweep_that_was_missed_passes_no_step_over(over, at):
    """A16: each state that was reached is told once."""
    assert node_cap_sweep(at=at + timedelta(days=60)) == 1
    assert steps() == ["notice", "escalated"]


def test_a_license_that_got_more_nodes_ends_the_spell(over, granted, at):
    granted.license.nodes = 20
    granted.license.save(update_fields=["nodes"])
    node_cap_sweep(at=at + timedelta(days=8))
    over.refresh_from_db()
    assert over.ended_at == at + timedelta(days=8)
    assert Event.objects.filter(kind="node_cap.cleared").count() == 1


def test_an_installation_that_was_set_aside_is_over_nothing(over, at):
    Installation.objects.update(set_aside_at=at)
    node_cap_sweep(at=at + timedelta(days=8))
    assert steps() == []
    assert not NodeCapEpisode.objects.filter(ended_at=None).exists()


def test_a_later_overage_is_another_spell(over, granted, at):
    for day, nodes in ((1, 2), (2, 9)):
        beat = Beat("install-0001", "2.4.1", "Linux", nodes)
        beat_apply(license_pk=granted.license.pk, beat=beat, at=at + timedelta(days=day))
    assert NodeCapEpisode.objects.count() == 2
    assert NodeCapEpisode.objects.get(ended_at=None).started_at == at + timedelta(days=2)


def test_a_late_beat_counts_and_changes_nothing_else(over, granted, at):
    beat = Beat("install-0001", "1.0.0", "Linux", 1)
    beat_apply(license_pk=granted.license.pk, beat=beat, at=at - timedelta(hours=1))
    row = Installation.objects.get()
    assert (row.version, row.nodes, row.beats, row.last_seen_at) == ("2.4.1", 9, 2, at)
    assert NodeCapEpisode.objects.get().ended_at is None
