"""What our own license comes to: nothing widens what was signed, and the guard follows its table (C2 to C9, E27)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.domain.entitlements import effective
from licenses.domain.own_license import (
    Answer,
    GuardState,
    Heard,
    OwnLicense,
    Tier,
    refreshed,
    standing,
    tier_of,
)
from licenses.domain.tier_caps import CAPS, Cap, CapUse, notice

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GRACE = timedelta(days=7)
SECOND = timedelta(seconds=1)
PRO = {"unlimited_products": True, "crm": True}
OWN = OwnLicense(present=True, signed=PRO, live=PRO, expires_at=AT + 30 * GRACE, ends_at=AT + 32 * GRACE)

slugs = st.sampled_from(["crm", "patron", "unlimited_products", "unlimited_codes", "projects"])
values = st.one_of(
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from(["a", "b"]),
    st.fixed_dictionaries({"value": st.integers(0, 9), "exp": st.integers(1, 2 * 10**9)}),
)
maps = st.dictionaries(slugs, values)
times = st.none() | st.integers(-400, 400).map(lambda days: AT + timedelta(days=days))
facts = st.builds(
    OwnLicense,
    present=st.booleans(), signed=maps, live=st.none() | maps, signed_seats=st.integers(0, 5),
    live_seats=st.none() | st.integers(0, 5), refused=st.none() | st.sampled_from(Answer), refused_since=times,
    expires_at=times, ends_at=times, heard_at=times,
)  # fmt: skip
answers = st.builds(Heard, answer=st.sampled_from(Answer), live=st.none() | maps, seats=st.integers(0, 5))


@given(facts, st.lists(answers, max_size=5))
def test_nothing_ever_widens_the_signed_set(own, heard):
    """C6: whatever the row says, in whatever order, at whatever time."""
    for one in heard:
        own = refreshed(own, one, at=AT)
    now = standing(own, at=AT, guard_grace=GRACE)
    signed = effective(own.signed, AT)
    for slug, value in now.granted.items():
        assert slug in signed
        if isinstance(value, int) and not isinstance(value, bool):
            assert value <= signed[slug]
        else:
            assert value == signed[slug]
    if own.signed_seats:
        assert now.seats is None or now.seats <= own.signed_seats
    assert not now.granted or now.guard in {GuardState.VALID, GuardState.GRACE}


@given(maps)
def test_the_row_as_last_heard_bounds_what_is_granted(live):
    """C4: row ∩ signed."""
    own = refreshed(OWN, Heard(Answer.LIVE, live=live), at=AT)
    assert set(standing(own, at=AT, guard_grace=GRACE).granted) <= set(effective(live, AT))


@pytest.mark.parametrize(
    ("granted", "tier"),
    [
        ([], Tier.CREATOR), (["crm"], Tier.CREATOR), (["unlimited_products"], Tier.PRO), (["patron"], Tier.PATRON),
        (["unlimited_products", "patron"], Tier.PATRON),
    ],
)  # fmt: skip
def test_the_label_is_read_off_what_is_granted(granted, tier):
    """C3"""
    assert tier_of(dict.fromkeys(granted, True)) is tier


@pytest.mark.parametrize(
    ("answer", "guard", "kept"),
    [
        (Answer.UNVERIFIED, GuardState.INVALID, False),
        (Answer.REVOKED, GuardState.INVALID, False),
        (Answer.SUSPENDED, GuardState.GRACE, False),
        (Answer.ENDED, GuardState.GRACE, False),
        (Answer.UNKNOWN, GuardState.VALID, True),
        (Answer.NO_MASTER, GuardState.VALID, True),
        (Answer.SOURCE_GONE, GuardState.VALID, True),
        (Answer.UNREACHABLE, GuardState.VALID, True),
        (Answer.EXPIRED, GuardState.VALID, True),  # its end is the clock's to judge
    ],
)
def test_each_outcome_of_a_refresh_has_its_consequence(answer, guard, kept):
    """C9"""
    now = standing(refreshed(OWN, Heard(answer, "x"), at=AT), at=AT, guard_grace=GRACE)
    assert (now.guard, bool(now.granted)) == (guard, kept)


@pytest.mark.parametrize("answer", [Answer.UNKNOWN, Answer.UNREACHABLE, Answer.SOURCE_GONE])
def test_a_revocation_is_not_forgotten(answer):
    """C9: only a row that is live again takes it back."""
    revoked = refreshed(OWN, Heard(Answer.REVOKED, "revoked"), at=AT)
    assert refreshed(revoked, Heard(answer), at=AT).refused is Answer.REVOKED
    assert refreshed(revoked, Heard(Answer.LIVE, live=PRO), at=AT).refused is None


@given(st.lists(answers.filter(lambda heard: heard.answer is not Answer.LIVE), max_size=6))
def test_after_a_revocation_only_a_live_row_grants_anything(heard):
    """C9: whatever comes in between, a key that does not verify for a while among it."""
    own = refreshed(OWN, Heard(Answer.REVOKED, "revoked"), at=AT)
    for one in heard:
        own = refreshed(own, one, at=AT)
    now = standing(own, at=AT, guard_grace=GRACE)
    assert (dict(now.granted), now.guard) == ({}, GuardState.INVALID)
    assert (
        standing(refreshed(own, Heard(Answer.LIVE, live=PRO), at=AT), at=AT, guard_grace=GRACE).granted == PRO
    )


@pytest.mark.parametrize("answer", [Answer.SUSPENDED, Answer.ENDED])
def test_a_doubt_about_the_key_ends_no_suspension(answer):
    """C9: the key does not verify, then does, and the master is silent."""
    own = refreshed(OWN, Heard(answer, "x"), at=AT)
    for between in (Answer.UNVERIFIED, Answer.UNREACHABLE):
        own = refreshed(own, Heard(between, "y"), at=AT + SECOND)
    assert (own.refused, own.reason, own.refused_since) == (answer, "x", AT)


def test_the_guard_turns_at_its_instants():
    """E27: valid, the license's own grace with all it grants, the guard's grace with nothing, invalid."""
    ends = OWN.ends_at
    for at, guard, granted in (
        (OWN.expires_at - SECOND, GuardState.VALID, True),
        (OWN.expires_at, GuardState.GRACE, True),
        (ends - SECOND, GuardState.GRACE, True),
        (ends, GuardState.GRACE, False),
        (ends + GRACE - SECOND, GuardState.GRACE, False),
        (ends + GRACE, GuardState.INVALID, False),
    ):
        now = standing(OWN, at=at, guard_grace=GRACE)
        assert (now.guard, bool(now.granted)) == (guard, granted), at


def test_a_suspension_counts_from_when_it_was_first_seen():
    """E27: seeing it again does not begin its grace anew."""
    once = refreshed(OWN, Heard(Answer.SUSPENDED, "suspended"), at=AT)
    again = refreshed(once, Heard(Answer.SUSPENDED, "suspended"), at=AT + GRACE - SECOND)
    assert standing(again, at=AT + GRACE - SECOND, guard_grace=GRACE).guard is GuardState.GRACE
    assert standing(again, at=AT + GRACE, guard_grace=GRACE).guard is GuardState.INVALID
    assert standing(OWN, at=AT, guard_grace=timedelta()).guard is GuardState.VALID


def test_a_silent_master_is_told_and_takes_nothing():
    """C9: however long it lasts."""
    heard = replace(OWN, heard_at=AT)
    for days in (7, 100):
        now = standing(heard, at=AT + timedelta(days=days), guard_grace=GRACE)
        assert (now.guard, now.reason, dict(now.granted)) == (GuardState.GRACE, "master_silent", PRO)


def test_each_cap_has_an_entitlement_of_its_own():
    """C10 to C14: none lifts another."""
    assert len({rule.entitlement for rule in CAPS.values()}) == len(Cap)
    assert {cap: rule.most for cap, rule in CAPS.items()} == {
        Cap.PRODUCTS: 5, Cap.PLANS: 5, Cap.COUPONS: 10, Cap.MERCHANTS: 1, Cap.RECURRING: 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("used", "most", "adding", "says"),
    [
        (3, 5, True, ""),
        (4, 5, True, "The next one is the last."),
        (4, 5, False, ""),
        (5, 5, True, "No more can be made."),
        (5, 5, False, ""),
        (7, 5, False, "Grandfathered"),
        (7, None, True, ""),
    ],
)
def test_staff_are_warned_before_the_last_one_and_told_of_what_is_above(used, most, adding, says):
    """C17"""
    told = notice(CapUse(Cap.PRODUCTS, used, most), "Creator", adding=adding)
    assert (says in told) if says else told == ""
