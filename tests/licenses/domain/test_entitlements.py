from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licenses.domain.entitlements import (
    MAX_BYTES,
    EntitlementError,
    check_catalogue,
    effective,
    has,
    narrow,
    next_end,
    parse,
)
from licenses.domain.wire import json_dump, json_load

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EPOCH = int(NOW.timestamp())

slugs = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
values = st.one_of(
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30),
)
timed = st.fixed_dictionaries({"value": values, "exp": st.integers(1, 253_402_300_799)})
maps = st.dictionaries(slugs, values | timed, max_size=8)


@given(maps)
@settings(max_examples=60, deadline=None)
def test_a_map_survives_json_and_a_second_parse(raw):
    """D19: entitlements carry booleans, numbers and texts, some with their own end."""
    parsed = parse(raw)
    assert parse(json_load(json_dump(parsed))) == parsed == raw


@given(maps, st.integers(0, 4_000_000_000))
@settings(max_examples=60, deadline=None)
def test_the_effective_set_agrees_with_has_for_every_slug(raw, second):
    now = datetime.fromtimestamp(second, UTC)
    parsed = parse(raw)
    assert set(effective(parsed, now)) == {slug for slug in parsed if has(parsed, slug, now)}


@given(maps)
@settings(max_examples=60, deadline=None)
def test_the_effective_set_changes_first_at_the_next_end(raw):
    parsed = parse(raw)
    end = next_end(parsed, NOW)
    if end is None:
        assert effective(parsed, NOW) == effective(parsed, NOW + timedelta(days=36_500 * 10))
    else:
        before = datetime.fromtimestamp(end - 1, UTC)
        assert effective(parsed, NOW) == effective(parsed, max(before, NOW))
        assert end not in {
            item["exp"]
            for slug, item in parsed.items()
            if isinstance(item, dict) and slug in effective(parsed, datetime.fromtimestamp(end, UTC))
        }


def test_a_list_of_slugs_means_true_for_each():
    assert parse(["sso", "audit"]) == {"sso": True, "audit": True}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("sso", "not_a_map"),
        (None, "not_a_map"),
        (["a", "a"], "duplicate_slug"),
        (["a", 1], "bad_slug"),
        ({"Upper": True}, "bad_slug"),
        ({"-a": True}, "bad_slug"),
        ({"a" * 65: True}, "bad_slug"),
        ({"a\n": True}, "bad_slug"),
        ({"a": None}, "bad_value"),
        ({"a": ["b"]}, "bad_value"),
        ({"a": {"value": True}}, "bad_value"),
        ({"a": {"value": True, "exp": 1, "x": 1}}, "bad_value"),
        ({"a": {"value": {"value": 1, "exp": 1}, "exp": 1}}, "bad_value"),
        ({"a": {"value": True, "exp": 1.5}}, "bad_expiry"),
        ({"a": {"value": True, "exp": True}}, "bad_expiry"),
        ({"a": {"value": True, "exp": 10**30}}, "bad_expiry"),
        ({"a": float("nan")}, "bad_number"),
        ({"a": float("inf")}, "bad_number"),
        ({"a": 2**53}, "bad_number"),
        ({"a": "x\x00"}, "bad_text"),
        ({"a": "\ud800"}, "bad_text"),
        ({f"s{n}": True for n in range(9000)}, "too_many"),
        ({"a": "x" * MAX_BYTES}, "too_large"),
    ],
)
def test_a_malformed_map_is_refused_with_its_reason(raw, reason):
    with pytest.raises(EntitlementError) as refused:
        parse(raw)
    assert refused.value.reason == reason


def test_an_entitlement_ends_at_its_own_second():
    granted = parse({"beta": {"value": 3, "exp": EPOCH}})
    assert effective(granted, NOW - timedelta(seconds=1)) == {"beta": 3}
    assert effective(granted, NOW) == {}
    assert not has(granted, "beta", NOW)


def test_nothing_is_implied_by_another_entitlement():
    """C7: a license with only `patron` passes no Pro gate."""
    granted = parse(["patron"])
    assert has(granted, "patron", NOW)
    assert not has(granted, "unlimited_products", NOW)


def test_false_is_never_granted():
    granted = parse({"sso": False})
    assert not has(granted, "sso", NOW)
    assert effective(granted, NOW) == {}


def test_a_catalogue_admits_its_own_slugs_only():
    """C20: with a catalogue, a plan may only use its slugs."""
    check_catalogue(parse(["sso"]), {"sso", "audit"})
    with pytest.raises(EntitlementError) as refused:
        check_catalogue(parse(["sso", "zeta", "beta"]), {"sso", "audit"})
    assert (refused.value.reason, refused.value.slug) == ("not_in_catalogue", "beta")


def test_an_empty_catalogue_means_free_text():
    """C20: an empty catalogue means free text."""
    check_catalogue(parse(["anything"]), ())


def test_the_row_narrows_but_never_widens_what_was_signed():
    """C6: effective = row ∩ signed payload."""
    live = parse({"a": True, "n": 50, "more": True, "label": "gold"})
    signed = parse({"a": True, "n": 10, "gone": True, "label": "silver"})
    assert narrow(live, signed, NOW) == {"a": True, "n": 10}
    assert narrow(parse({"n": True}), parse({"n": 1}), NOW) == {}
