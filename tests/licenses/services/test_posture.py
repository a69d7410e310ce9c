from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.models import Event
from licenses.models import License
from licenses.postures import posture_at
from licenses.services import posture
from licenses.services.posture import clear_record, denial_record, posture_sweep
from licenses.services.renewing import license_renew

DAY = timedelta(days=1)


def postures() -> dict[int, str]:
    return dict(License.objects.values_list("pk", "posture"))


def changes() -> list[tuple[str, str]]:
    events = Event.objects.filter(kind="posture.changed").order_by("pk")
    return [(event.data["from"], event.data["to"]) for event in events]


def test_a_sweep_writes_one_event_a_change_and_none_without(make_license, at):
    """A13: the difference of all postures before and after equals the events, exactly."""
    for days in (40, 50, 400):
        make_license(days=days)
    for later in (at, at + 35 * DAY, at + 42 * DAY, at + 42 * DAY, at + 70 * DAY, at + 71 * DAY):
        before, seen = postures(), len(changes())
        count = posture_sweep(at=later)
        after = postures()
        moved = [(before[pk], after[pk]) for pk in sorted(before) if before[pk] != after[pk]]
        assert sorted(changes()[seen:]) == sorted(moved)
        assert count == len(moved)
        assert after == {row.pk: posture_at(row, later) for row in License.objects.all()}


def test_a_license_goes_through_its_postures(make_license, at):
    """A8 to A10: valid, warning in the last quarter of a short term, grace, read-only."""
    make_license(days=40)
    for days in range(60):
        posture_sweep(at=at + days * DAY)
    assert changes() == [("valid", "warning"), ("warning", "grace"), ("grace", "read_only")]


def test_each_boundary_is_that_very_second(make_license, at):
    """A6: one second before, at and after."""
    row = make_license(days=40)
    second = timedelta(seconds=1)
    assert posture_sweep(at=row.expires_at - second) == 1
    assert postures() == {row.pk: "warning"}
    assert posture_sweep(at=row.expires_at) == 1
    assert posture_sweep(at=row.expires_at + second) == 0
    assert postures() == {row.pk: "grace"}


def test_a_missed_sweep_makes_one_event_from_old_to_new(make_license, at):
    """Practices 15: what was skipped is not invented afterwards."""
    make_license(days=40)
    assert posture_sweep(at=at + 400 * DAY) == 1
    assert changes() == [("valid", "read_only")]
    assert posture_sweep(at=at + 800 * DAY) == 0


def test_a_sweep_works_in_batches_up_to_its_limit(make_license, at, monkeypatch):
    monkeypatch.setattr(posture, "BATCH", 2)
    for _ in range(5):
        make_license(days=40)
    assert posture_sweep(at=at + 400 * DAY, limit=3) == 3
    assert posture_sweep(at=at + 400 * DAY) == 2


def test_a_license_of_another_status_is_never_due(make_license, at):
    from licenses.services.lifecycle import license_suspend

    row = make_license(days=40)
    license_suspend(license=row, reason="dispute", actor="cli:test", at=at)
    assert posture_sweep(at=at + 400 * DAY) == 0


def test_renewing_brings_the_posture_back_with_an_event(make_license, signing, at):
    """A13: a renewal in grace is a change of posture."""
    row = make_license(days=40)
    posture_sweep(at=at + 42 * DAY)
    license_renew(license=row, days=365, channel="cli", actor="cli:test", at=at + 43 * DAY)
    assert changes()[-1] == ("grace", "valid")


def test_denials_and_clears_are_events(granted, at):
    """A5, A13: what a deployment refused, and that it removed its license."""
    data = {"named_users": 26, "seats": 25}
    denial_record(license=granted.license, reason="seats_exhausted", data=data, actor="installation:7", at=at)
    clear_record(license=granted.license, actor="installation:7", at=at)
    denied, cleared = Event.objects.filter(actor="installation:7").order_by("pk")
    assert (denied.kind, denied.data["reason"], denied.data["seats"]) == (
        "license.denied",
        "seats_exhausted",
        25,
    )
    assert cleared.kind == "license.cleared"


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(steps=st.lists(st.integers(0, 200), min_size=1, max_size=6).map(sorted))
def test_sweeps_at_any_times_agree_with_the_pure_rule(make_license, at, steps):
    """A13: whatever runs were missed, the stored posture is that of the rule, one event a difference."""
    row = make_license(days=60, warn_days=10, grace_days=7)
    start = len(changes())
    expected = ["valid"]
    for step in steps:
        posture_sweep(at=at + step * DAY)
        row.refresh_from_db()
        assert row.posture == posture_at(row, at + step * DAY)
        expected += [row.posture] if row.posture != expected[-1] else []
    mine = Event.objects.filter(kind="posture.changed", subject=f"license:{row.public_id}").count()
    assert mine == len(expected) - 1
    assert len(changes()) >= start
