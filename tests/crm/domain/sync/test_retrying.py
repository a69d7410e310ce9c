"""The budget of requests and the schedule of retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm.domain.sync.failures import Failure, FailureClass
from crm.domain.sync.retrying import ATTEMPTS, Budget, next_try

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@given(
    most=st.integers(2, 40),
    seconds=st.integers(1, 60),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=80),
)
def test_in_no_span_are_there_more_requests_than_allowed(most, seconds, pauses):
    """D18: however unevenly they are asked for, wherever the span begins."""
    bucket, at, spent = Budget(most, seconds, 1000.0, AT), AT, []
    for pause in pauses:
        at += timedelta(seconds=pause)
        bucket, wait = bucket.take(at)
        while wait:
            at += wait
            bucket, wait = bucket.take(at)
        spent.append(at)
    span = timedelta(seconds=seconds)
    assert max(sum(start <= one < start + span for one in spent) for start in spent) <= most + 1


def test_a_steady_asker_gets_nine_tenths_of_the_budget():
    """D18: the throughput within the budget."""
    bucket, at, number = Budget(100, 60, 0, AT), AT, 0
    while at < AT + timedelta(minutes=10):
        bucket, wait = bucket.take(at)
        number += not wait
        at += wait
    assert 895 <= number <= 1000


def test_a_record_is_tried_for_over_a_day_and_then_waits_for_somebody():
    """D18"""
    failure, at = Failure(FailureClass.TRANSIENT, "500"), AT
    for made in range(1, ATTEMPTS):
        again = next_try(failure, made=made, seed="person:1", at=at)
        assert again is not None
        assert again.counts
        at = again.due_at
    assert next_try(failure, made=ATTEMPTS, seed="person:1", at=at) is None
    assert at - AT > timedelta(days=1)


def test_a_limit_and_a_credential_cost_no_attempt_and_a_refusal_is_final():
    """D18"""
    limited = next_try(Failure(FailureClass.RATE_LIMITED, "", timedelta(seconds=9)), made=99, seed="", at=AT)
    assert limited is not None
    assert (limited.due_at, limited.counts) == (AT + timedelta(seconds=9), False)
    assert not next_try(Failure(FailureClass.AUTHENTICATION, ""), made=99, seed="", at=AT).counts  # type: ignore[union-attr]
    assert next_try(Failure(FailureClass.REJECTED, ""), made=1, seed="", at=AT) is None
