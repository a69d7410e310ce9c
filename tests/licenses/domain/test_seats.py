from __future__ import annotations

import pytest

from licenses.domain.seats import fits, may_activate_another, user_check


@pytest.mark.parametrize(
    ("named", "seats", "expected"),
    [(0, 1, True), (1, 1, True), (2, 1, False), (9_999, 0, True), (0, 0, True)],
)
def test_named_users_fit_the_seats(named, seats, expected):
    """A5: whether a named-user count fits `seats`, 0 = unlimited."""
    assert fits(named, seats) is expected


@pytest.mark.parametrize(
    ("active", "seats", "expected"), [(0, 1, True), (1, 1, False), (2, 1, False), (4, 5, True), (50, 0, True)]
)
def test_another_may_be_activated_while_a_seat_is_free(active, seats, expected):
    """E25: 0 active < seats yes; equal no."""
    assert may_activate_another(active, seats) is expected


def test_an_extra_user_is_denied_and_the_denial_can_be_recorded(start):
    """A5: an extra user is denied and the denial recorded."""
    decision = user_check(named_users=5, seats=5, user_ref="u-77", known=False, at=start)
    assert not decision.allowed
    assert decision.denial() == {
        "reason": "seats_exhausted",
        "user_ref": "u-77",
        "named_users": 5,
        "seats": 5,
        "at": "2026-03-01T12:00:00+00:00",
    }


def test_a_known_user_keeps_the_seat(start):
    """A5: only an extra user is denied."""
    decision = user_check(named_users=7, seats=5, user_ref="u-1", known=True, at=start)
    assert (decision.allowed, decision.denial()) == (True, None)
    assert user_check(named_users=4, seats=5, user_ref="u-2", known=False, at=start).allowed
