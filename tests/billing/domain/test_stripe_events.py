"""What a webhook's body says, in every shape it ever had, and in none."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.parking import Reason
from billing.domain.stripe_events import NOUNS, Noun, Told, livemode_of, misdirected, read_event

ACACIA = {
    "id": "evt_1", "object": "event", "api_version": "2024-10-28.acacia", "created": 1_772_443_800,
    "livemode": False, "pending_webhooks": 1, "type": "invoice.paid",
    "data": {"object": {"id": "in_1", "object": "invoice", "subscription": "sub_1"}},
}  # fmt: skip
BASIL = {
    **ACACIA, "api_version": "2025-03-31.basil",
    "data": {"object": {"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1"}}}},
}  # fmt: skip
THIN = {
    "id": "evt_test_65", "object": "v2.core.event", "type": "v1.invoice.paid", "livemode": False,
    "created": "2026-03-02T09:30:00.000Z", "context": None,
    "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
}  # fmt: skip


def told(event: object) -> Told:
    return read_event(json.dumps(event).encode())


@pytest.mark.parametrize("event", [ACACIA, BASIL, {**ACACIA, "api_version": "2011-02-01"}, THIN])
def test_the_object_is_found_in_every_shape(event):
    """E17 and trust: Stripe, shapes of old and new versions and thin events."""
    found = told(event)
    assert (found.problem, found.noun, found.object_id) == (None, Noun.INVOICE, "in_1")
    assert found.created == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}, "pi_1"),
        ({"id": "ch_1", "object": "charge", "payment_intent": {"id": "pi_1"}}, "pi_1"),
        ({"id": "ch_1", "object": "charge", "payment_intent": None}, "ch_1"),
        ({"id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"id": "re_1", "object": "refund", "charge": "ch_1"}, "ch_1"),
        ({"id": "re_1", "object": "refund", "charge": None}, ""),
    ],
)
def test_a_refund_leads_to_the_money_it_took_back(data, expected):
    event = {**ACACIA, "type": "charge.refunded", "data": {"object": data}}
    assert told(event).object_id == expected
    assert (told(event).problem is None) is bool(expected)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"evt"',
        b"\xff\xfe",
        b'{"id": "evt_1"',
        b"[" * 100_000,
        b"1" * 5000,
        b'{"a": NaN',
    ],
)
def test_what_is_no_event_is_known_by_its_hash_and_parked(body):
    """Trust: what is not understood is parked, never lost."""
    found = read_event(body)
    assert found.problem == Reason.UNREADABLE
    assert found.event_id.startswith("unnamed_")
    assert found.event_id == read_event(body).event_id


@pytest.mark.parametrize(
    "change",
    [
        {"id": None}, {"id": 7}, {"id": "evt/../1"}, {"id": "e" * 121}, {"type": None}, {"type": "invoice paid"},
        {"type": "x" * 101}, {"data": None}, {"data": {}}, {"data": {"object": "in_1"}}, {"data": {"object": {}}},
        {"data": {"object": {"id": "in_1/../../v1/charges"}}}, {"livemode": None}, {"livemode": "no"},
        {"account": ["acct_1"]}, {"account": "acct 1"},
    ],
)  # fmt: skip
def test_an_event_of_ours_that_lacks_something_is_parked(change):
    assert told({**ACACIA, **change}).problem == Reason.SHAPE_UNKNOWN


def test_a_thin_event_without_an_object_is_parked():
    """Trust: thin events never crash."""
    assert told({**THIN, "related_object": None}).problem == Reason.SHAPE_UNKNOWN


@pytest.mark.parametrize(
    "kind", ["customer.created", "payment_intent.succeeded", "v1.billing.meter.no_meter_found"]
)
def test_events_of_other_types_are_no_concern_of_ours_whatever_their_shape(kind):
    """E17: other events are acknowledged and ignored."""
    found = told({**THIN, "type": kind, "related_object": 7})
    assert (found.problem, found.noun) == (None, None)


def test_the_account_of_a_connected_event_is_told():
    assert told({**ACACIA, "account": "acct_1"}).account == "acct_1"
    assert told({**THIN, "context": "org_1/acct_1"}).account == "acct_1"


@pytest.mark.parametrize(
    ("told_of", "expected"),
    [
        ({"livemode": False, "account": ""}, None),
        ({"livemode": False, "account": "acct_us"}, None),
        ({"livemode": True, "account": ""}, Reason.LIVEMODE_MISMATCH),
        ({"livemode": False, "account": "acct_them"}, Reason.FOREIGN_ACCOUNT),
    ],
)
def test_events_of_another_mode_or_account_are_not_for_us(told_of, expected):
    """Trust: livemode mismatch and foreign accounts are parked."""
    assert misdirected(**told_of, own_account="acct_us", key="sk_test_1") == expected


def test_a_key_tells_its_mode():
    assert [livemode_of(key) for key in ("sk_live_1", "rk_live_1", "sk_test_1", "x")] == [
        True,
        True,
        False,
        None,
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        ["id", "object", "type", "data", "livemode", "created", "account", "context", "related_object"]
    ),
    JSON
    | st.sampled_from([*NOUNS, "v2.core.event", "v1.invoice.paid"])
    | st.fixed_dictionaries(
        {"object": JSON | st.dictionaries(st.sampled_from(["id", "charge"]), JSON), "id": JSON}
    ),
)


@given(
    st.binary(max_size=200) | MEMBERS.map(lambda event: json.dumps(event).encode("utf-8", "surrogatepass"))
)
def test_no_body_raises_and_what_is_found_is_fit_to_be_stored(body):
    """Trust: no 5xx for any input from outside."""
    found = read_event(body)
    plain = set(string.ascii_letters + string.digits + "_")
    assert 1 <= len(found.event_id) <= 120
    assert set(found.event_id + found.object_id + found.account) <= plain
    assert len(found.type) <= 100
    assert found.type.isprintable()
    if found.noun is not None and found.problem is None:
        assert found.object_id
