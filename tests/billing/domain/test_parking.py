"""When a webhook event that failed is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.parking import PATIENCE, Reason, next_try, words_of

RECEIVED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_it_is_tried_often_at_first_and_hourly_in_the_end():
    """C27: Stripe unreachable, tried again."""
    waits = [next_try(attempts=n, received_at=RECEIVED, at=RECEIVED) - RECEIVED for n in (1, 2, 3, 8, 9, 99)]
    assert [wait.total_seconds() for wait in waits] == [15, 30, 60, 1920, 3600, 3600]


def test_patience_ends_after_72_hours():
    """C27: pending under 72 h."""
    nearly = RECEIVED + PATIENCE - timedelta(hours=1)
    assert next_try(attempts=80, received_at=RECEIVED, at=nearly) == RECEIVED + PATIENCE
    assert next_try(attempts=80, received_at=RECEIVED, at=nearly + timedelta(seconds=1)) is None


@given(st.integers(min_value=0, max_value=40_000), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_the_next_try_lies_ahead_and_within_patience(attempts, since):
    found = next_try(attempts=attempts, received_at=RECEIVED, at=RECEIVED + since)
    assert found is None or RECEIVED + since < found <= RECEIVED + PATIENCE


def test_every_reason_has_words():
    assert all(words_of(reason).endswith((".", "…")) for reason in Reason)
    assert words_of("of_a_later_version") == "of_a_later_version"
