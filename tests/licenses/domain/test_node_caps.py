from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain.enums import NodeCapState
from licenses.domain.node_caps import (
    Episode,
    NodeCapWindows,
    effective_cap,
    next_rise_at,
    observe,
    over_cap_state,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORDER = list(NodeCapState)


@pytest.mark.parametrize(
    ("license_cap", "operator_cap", "expected"),
    [(5, 3, 3), (5, 9, 5), (5, 0, 5), (5, None, 5), (0, 3, 3), (None, 3, 3), (0, 0, 0), (None, None, 0)],
)
def test_the_smaller_cap_counts(license_cap, operator_cap, expected):
    """A14: an operator may tighten the cap, never loosen it; 0 and none mean no limit."""
    assert effective_cap(license_cap, operator_cap) == expected


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [(7, NodeCapState.QUIET, NodeCapState.NOTICE), (30, NodeCapState.NOTICE, NodeCapState.ESCALATED)],
)
def test_each_window_one_second_before_at_and_after(day, before, after):
    """A15: quiet the first 7 days, notice to day 30, escalated after."""
    at = NOW + timedelta(days=day)
    seen = [over_cap_state(4, 3, NOW, at + step) for step in (-SECOND, timedelta(0), SECOND)]
    assert seen == [before, after, after]


@pytest.mark.parametrize(("nodes", "cap"), [(3, 3), (0, 3), (10_000, 0)])
def test_at_or_below_the_cap_or_unlimited_is_within(nodes, cap):
    """A15: within at or below the cap, or unlimited."""
    assert over_cap_state(nodes, cap, NOW - timedelta(days=90), NOW) is NodeCapState.WITHIN


def test_an_overage_starts_quietly():
    """A15: first days, no message."""
    assert over_cap_state(4, 3, None, NOW) is NodeCapState.QUIET
    step = observe(None, nodes=4, cap=3, now=NOW)
    assert (step.started, step.state, step.steps_up) == (True, NodeCapState.QUIET, (NodeCapState.QUIET,))
    assert step.changes_at == NOW + timedelta(days=7)


def test_a_return_to_the_cap_ends_the_episode():
    """A15: returning to the cap ends the episode, and the next overage starts another."""
    step = observe(Episode(NOW, NodeCapState.NOTICE), nodes=3, cap=3, now=NOW + timedelta(days=9))
    assert (step.ended, step.state) == (True, NodeCapState.WITHIN)
    assert step.episode.ended_at == NOW + timedelta(days=9)
    again = observe(step.episode, nodes=4, cap=3, now=NOW + timedelta(days=10))
    assert (again.started, again.episode.started_at) == (True, NOW + timedelta(days=10))


def test_a_missed_run_reaches_every_state_it_slept_through():
    """A16: each step up creates exactly one task, also when the sweep comes late."""
    step = observe(Episode(NOW), nodes=9, cap=3, now=NOW + timedelta(days=31))
    assert step.steps_up == (NodeCapState.NOTICE, NodeCapState.ESCALATED)


def test_a_clock_that_goes_back_does_not_step_down():
    step = observe(Episode(NOW, NodeCapState.ESCALATED), nodes=9, cap=3, now=NOW - timedelta(days=1))
    assert (step.state, step.steps_up) == (NodeCapState.ESCALATED, ())
    assert observe(Episode(NOW), nodes=1, cap=3, now=NOW - timedelta(days=1)).episode.ended_at == NOW


def test_windows_follow_each_other():
    with pytest.raises(ValueError, match="windows"):
        NodeCapWindows(10, 5)


walks = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 20 * 86_400)), max_size=20)


@given(walks, st.integers(0, 4))
@settings(max_examples=120, deadline=None)
def test_each_state_is_reached_once_an_episode(walk, cap):
    """A16: exactly one step per state and episode; a repeated sweep makes none."""
    episode, now, reached = None, NOW, {}
    for nodes, seconds in walk:
        now += timedelta(seconds=seconds)
        step = observe(episode, nodes=nodes, cap=cap, now=now)
        episode = step.episode
        for state in step.steps_up:
            key = (episode.started_at, state)
            assert reached.setdefault(key, now) == now
        again = observe(episode, nodes=nodes, cap=cap, now=now)
        assert (again.steps_up, again.episode, again.started, again.ended) == ((), episode, False, False)
        assert (step.state is NodeCapState.WITHIN) == (cap == 0 or nodes <= cap)


@given(walks)
@settings(max_examples=80, deadline=None)
def test_a_lasting_episode_agrees_with_the_state_by_time(walk):
    episode, now = None, NOW
    for nodes, seconds in walk:
        now += timedelta(seconds=seconds)
        step = (
            observe(episode, nodes=nodes + 1, cap=0 + 1, now=now)
            if nodes
            else observe(episode, nodes=0, cap=1, now=now)
        )
        episode = step.episode
        if step.state is not NodeCapState.WITHIN:
            assert step.state is over_cap_state(nodes + 1, 1, episode.started_at, now)
            assert step.changes_at == next_rise_at(episode.started_at, now)


@given(st.integers(0, 60 * 86_400))
@settings(max_examples=60, deadline=None)
def test_the_state_holds_until_the_next_rise(seconds):
    now = NOW + timedelta(seconds=seconds)
    here, rise = over_cap_state(2, 1, NOW, now), next_rise_at(NOW, now)
    if rise is None:
        assert here is NodeCapState.ESCALATED
    else:
        assert over_cap_state(2, 1, NOW, rise - SECOND / 1000) is here
        assert over_cap_state(2, 1, NOW, rise) is ORDER[ORDER.index(here) + 1]
