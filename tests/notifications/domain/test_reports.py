"""What a provider's report makes of a message."""

from __future__ import annotations

import itertools

import pytest

from notifications.domain.reports import LEADS_TO, RANK, Report, is_soft, moved, stop_for
from notifications.models import Message


def test_every_state_of_a_message_has_its_place():
    assert set(RANK) == set(Message.State.values)


@pytest.mark.parametrize(
    ("state", "report", "later"),
    [
        ("queued", Report.SENT, "sent"),
        ("claimed", Report.DELIVERED, "delivered"),
        ("sent", Report.DELIVERED, "delivered"),
        ("sent", Report.BOUNCED, "bounced"),
        ("sent", Report.REJECTED, "failed"),
        ("delivered", Report.BOUNCED, "bounced"),
        ("delivered", Report.COMPLAINED, "complained"),
        ("failed", Report.DELIVERED, "delivered"),
        # late, or again
        ("delivered", Report.SENT, "delivered"),
        ("bounced", Report.DELIVERED, "bounced"),
        ("complained", Report.BOUNCED, "complained"),
        ("failed", Report.SENT, "failed"),
        ("delivered", Report.FAILED, "delivered"),
        # tells no state
        ("sent", Report.DEFERRED, "sent"),
        ("delivered", Report.UNSUBSCRIBED, "delivered"),
    ],
)
def test_a_state_moves_forward_only(state, report, later):
    assert moved(state, report) == later


def test_reports_in_any_order_end_in_the_same_state():
    """An older or duplicate event never goes backwards."""
    reports = (Report.SENT, Report.DELIVERED, Report.BOUNCED, Report.COMPLAINED)
    ends = set()
    for order in itertools.permutations(reports):
        state = "sent"
        for report in order:
            state = moved(state, report)
        ends.add(state)
    assert ends == {"complained"}
    assert set(LEADS_TO) < set(Report)


@pytest.mark.parametrize(
    ("report", "reason", "soft", "stop"),
    [
        (Report.BOUNCED, "bounced", False, ("hard_bounce", True)),
        (Report.BOUNCED, "invalid", False, ("hard_bounce", True)),
        (Report.BOUNCED, "bounced", True, None),
        (Report.BOUNCED, "blocked", False, None),
        (Report.BOUNCED, "", False, None),
        (Report.COMPLAINED, "", False, ("complaint", True)),
        (Report.UNSUBSCRIBED, "", False, ("unsubscribe", False)),
        (Report.REJECTED, "bounced", False, ("hard_bounce", True)),
        (Report.REJECTED, "spam", False, ("complaint", True)),
        (Report.REJECTED, "unsubscribed", False, ("unsubscribe", False)),
        (Report.REJECTED, "blocked", False, None),
        (Report.DELIVERED, "", False, None),
        (Report.DEFERRED, "bounced", False, None),
    ],
)
def test_only_a_hard_bounce_a_complaint_or_a_wish_stops_mail_to_an_address(report, reason, soft, stop):
    found = stop_for(report, reason=reason, soft=soft)
    assert (None if found is None else (found.reason, found.every)) == stop


@pytest.mark.parametrize(
    ("raw", "soft"),
    [
        ({"RecordType": "Bounce", "Type": "SoftBounce"}, True),
        ({"RecordType": "Bounce", "Type": "HardBounce"}, False),
        ({"bounce": {"bounceType": "Transient"}}, True),
        ({"bounce": {"bounceType": "Permanent"}}, False),
        ({"event": "soft_bounce"}, True),
        ({"event": "hard_bounce"}, False),
        ({"event": "bounce", "type": "blocked"}, True),
        ({"msys": [{"message_event": {"bounce_class": "22"}}]}, True),
        ({"event": "bounce", "hard_bounce": False}, True),
        ({"event-data": {"severity": "permanent"}}, False),
        ("text", False),
        (None, False),
    ],
)
def test_a_passing_bounce_is_told_by_the_provider_s_own_words(raw, soft):
    assert is_soft(raw) is soft


def test_a_report_that_is_nested_without_an_end_is_not_followed():
    raw: dict = {}
    raw["inner"] = raw
    assert is_soft(raw) is False
