"""The one clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from config.kit import clock as clocks


def test_now_is_aware_and_in_utc():
    assert clocks.now().tzinfo is UTC
    assert abs(clocks.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_frozen_clock_moves_only_when_told(at):
    with clocks.frozen(at) as frozen:
        assert clocks.now() == at
        frozen.advance(timedelta(days=1))
        assert clocks.now() == at + timedelta(days=1)
        frozen.set(at)
        assert clocks.now() == at


def test_the_clock_runs_again_afterwards(at):
    with clocks.frozen(at), clocks.frozen(at + timedelta(days=1)):
        pass
    assert clocks.now() > at
