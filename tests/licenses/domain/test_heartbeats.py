from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.domain.enums import LicenseStatus, NodeCapState
from licenses.domain.heartbeats import (
    HOUR,
    PER_HOUR,
    HeartbeatError,
    next_beat_seconds,
    notices,
    read_beat,
)
from licenses.domain.posture import view_of_terms
from licenses.domain.terms import Terms

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BEAT = {"install_id": "5c1f0a7e9b", "version": "2.4.1", "os": "Linux 6.1", "nodes": 1}
SIGNAL = {"id": "signal-0001", "type": "denied", "reason": "seats_exhausted", "limit": 10, "used": 11}


def refused(**members):
    with pytest.raises(HeartbeatError) as caught:
        read_beat({**BEAT, **members})
    return caught.value.field, caught.value.code


def test_a_beat_is_read():
    """A17: install id, version, OS, node count."""
    beat = read_beat({**BEAT, "operator_node_cap": 3, "signals": [SIGNAL]})
    assert (beat.install_id, beat.operating_system, beat.nodes) == ("5c1f0a7e9b", "Linux 6.1", 1)
    assert beat.signals[0].data() == {"reason": "seats_exhausted", "limit": 10, "used": 11}


@pytest.mark.parametrize("name", ["hostname", "ip", "prompt", "email", "stack_trace", "user", "license"])
def test_any_other_member_is_refused(name):
    """A18: an allow-list of counts and deployment shape."""
    assert refused(**{name: "x"}) == (name, "unknown_field")


@pytest.mark.parametrize("name", sorted(BEAT))
def test_every_needed_member_is_missed_by_name(name):
    with pytest.raises(HeartbeatError) as caught:
        read_beat({key: value for key, value in BEAT.items() if key != name})
    assert (caught.value.field, caught.value.code) == (name, "required")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("install_id", "short"),
        ("install_id", "anna@acme.example"),
        ("version", "latest"),
        ("version", "2.4.1 on db-7.internal"),
        ("os", "Linux\n6"),
        ("os", ""),
        ("nodes", -1),
        ("nodes", True),
        ("nodes", 1.0),
        ("nodes", "1"),
        ("nodes", 2**31),
        ("operator_node_cap", -1),
        ("seats_used", "many"),
        ("signals", {}),
        ("signals", [SIGNAL] * 21),
    ],
)
def test_what_does_not_fit_its_member_is_refused(name, value):
    """A18: nothing free can hide in a member of the list."""
    assert refused(**{name: value}) == (name, "invalid")


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("type", "crashed", "invalid"),
        ("reason", "Anna was locked out", "invalid"),
        ("from", "fine", "invalid"),
        ("id", None, "required"),
        ("user", "anna", "unknown_field"),
    ],
)
def test_a_signal_has_a_closed_list_too(member, value, code):
    """A13, A18."""
    assert refused(signals=[{**SIGNAL, member: value}]) == (f"signals.0.{member}", code)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_nothing_that_json_can_hold_breaks_the_reading(body):
    with pytest.raises(HeartbeatError):
        read_beat(body)


@given(st.text(min_size=8, max_size=64), st.integers(1, 200))
def test_all_installations_of_a_license_fit_into_its_hour(install_id, installations):
    """C24: 60 beats an hour for each license."""
    wait = next_beat_seconds(install_id, installations)
    assert wait >= HOUR
    assert installations * HOUR / wait <= PER_HOUR / 2 + 1


def view(days: float):
    """The posture `days` after the end of a license of 90 days, with grace of 14."""
    expires_at = AT - timedelta(days=days)
    return view_of_terms(Terms(expires_at - timedelta(days=90), expires_at, 20, 14), AT)


def codes(view, status=LicenseStatus.ACTIVE, state=NodeCapState.WITHIN, *, current=True):
    return [notice.code for notice in notices(view, status, state, cap=1, nodes=3, current=current)]


@pytest.mark.parametrize(
    ("days", "code"),
    [(-40, None), (-10, "license_expiring"), (3, "license_in_grace"), (20, "license_read_only")],
)
def test_posture_is_told(days, code):
    """A8 to A10: the message rises with the posture."""
    assert codes(view(days)) == ([code] if code else [])


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (NodeCapState.WITHIN, []),
        (NodeCapState.QUIET, []),
        (NodeCapState.NOTICE, ["node_cap_notice"]),
        (NodeCapState.ESCALATED, ["node_cap_escalated"]),
    ],
)
def test_overage_is_told_from_the_notice_on(state, said):
    """A15: the first days are quiet."""
    assert codes(view(-40), state=state) == said


def test_a_revoked_license_and_a_newer_key_are_told():
    assert codes(view(20), LicenseStatus.REVOKED, current=False) == ["license_revoked", "license_superseded"]
