"""Whom mail is not sent to."""

from __future__ import annotations

import pytest

from notifications.domain.suppressing import blocks


@pytest.mark.parametrize(
    ("reason", "suppressed", "stream", "blocked"),
    [
        ("hard_bounce", "", "transactional", True),
        ("complaint", "", "transactional", True),
        ("unsubscribe", "", "transactional", False),
        ("manual", "", "transactional", False),
        ("unsubscribe", "transactional", "transactional", False),
        ("unsubscribe", "notice", "notice", True),
        ("unsubscribe", "notice", "digest", False),
        ("unsubscribe", "", "notice", True),
        ("hard_bounce", "", "digest", True),
        ("complaint", "", "notice", True),
        ("manual", "", "notice", True),
    ],
)
def test_a_suppression_stops_its_own_stream_and_what_is_owed_still_goes_out(
    reason, suppressed, stream, blocked
):
    """Mail: unsubscribing never stops transactional mail."""
    assert blocks(reason=reason, suppressed=suppressed, stream=stream) is blocked
