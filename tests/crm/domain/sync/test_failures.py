"""Five classes of failure, from whatever comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.domain.sync.failures import Failure, FailureClass, answer_json, failure_of

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ODD = [b"{", b"[" * 10_000, b'{"messages":[{}]}', b'{"message":7}']
HTML = b"<!doctype html><title>Sign in</title>"


@pytest.mark.parametrize(
    ("status", "body", "one", "kind"),
    [
        (429, b"", False, "rate_limited"),
        (400, b'{"category":"RATE_LIMITS","message":"slow"}', False, "rate_limited"),
        (401, b"{}", False, "authentication"),
        (403, b'{"category":"MISSING_SCOPES"}', False, "authentication"),
        (400, b'{"error":"BadRequestException","messages":["No such field"]}', False, "rejected"),
        (409, b'{"category":"CONFLICT","message":"Contact already exists"}', True, "rejected"),
        (404, b'{"messages":["Record not found"]}', True, "gone"),
        (404, b'{"message":"Cannot GET /rest/people"}', False, "transient"),
        (404, HTML, True, "transient"),
        (400, HTML, True, "transient"),
        (500, b'{"message":"oops"}', True, "transient"),
        (302, b"", True, "transient"),
        (200, HTML, False, "transient"),
        (204, b"", False, "transient"),
        (None, b"", False, "transient"),
    ],
)
def test_an_answer_is_one_of_five_failures(status, body, one, kind):
    """D18: what no API of a CRM says, such as a page of HTML, refuses and buries nothing."""
    found = failure_of(status, {}, body, at=AT, one=one)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after": "7"}, b"{}", timedelta(seconds=7)),
        ({"retry-after": "Mon, 02 Mar 2026 09:31:00 GMT"}, b"{}", timedelta(minutes=1)),
        ({"retry-after": "9" * 400}, b"{}", timedelta(hours=24)),
        ({"retry-after": "soon"}, b"{}", None),
        ({"retry-after": "Mon, 1 Jan 99999999999999999999 00:00:00 GMT"}, b"{}", None),
        ({}, b'{"policyName":"DAILY"}', timedelta(hours=1)),
    ],
)
def test_how_long_to_wait_is_what_it_says_within_reason(headers, body, wait):
    """D18: Retry-After, and the limit of a day."""
    found = failure_of(429, headers, body, at=AT)
    assert found is not None
    assert found.wait == wait


@given(
    status=st.one_of(st.none(), st.integers(100, 599)),
    body=st.one_of(st.binary(max_size=60), st.sampled_from(ODD)),
    headers=st.dictionaries(st.sampled_from(["retry-after", "content-type"]), st.text(max_size=20)),
    one=st.booleans(),
)  # fmt: skip
def test_no_answer_whatever_is_more_than_one_of_them(status, body, headers, one):
    """D18"""
    found = failure_of(status, headers, body, at=AT, one=one)
    if found is None:
        assert status is not None
        assert 200 <= status < 300
        return
    assert isinstance(found, Failure)
    assert found.kind in set(FailureClass)
    assert found.words
    assert found.words.isprintable()
    assert found.wait is None or timedelta(0) <= found.wait <= timedelta(hours=24)


def test_what_no_database_keeps_is_cleaned_out_of_an_answer():
    """D18: NUL, lone surrogates, spelled or raw, and numbers that are none, in names and values however deep."""
    body = b'{"a\\u0000":["x\\u0000y",{"n":NaN,"i":1e999,"z":"\\ud83d","ok":"\\ud83d\\ude00"}],"r":"\xed\xa0\xbd"}'
    said = answer_json(body)
    assert said["a"] == ["xy", {"n": None, "i": None, "z": "?", "ok": "\U0001f600"}]
    assert said["r"].isascii()
