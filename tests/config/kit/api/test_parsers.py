"""JSON that PostgreSQL takes, and nothing else."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kit.api.parsers import MAX_BODY_BYTES, MAX_DEPTH, BodyTooLarge, loads
from config.kit.errors import Malformed

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
NUMBERS = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_plain_json_reads_as_it_was_written(value):
    assert loads(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    with contextlib.suppress(Malformed):
        loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{} {}",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        rb'"a\u0000b"',
        rb'{"a\u0000": 1}',
        rb'"\ud800"',
        rb'{"\udfff": 1}',
        b'"a\nb"',
        b"1" * 19,
        b"-" + b"1" * 19,
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    ],
    ids=range(22),
)
def test_what_json_or_postgresql_does_not_take_is_refused(raw):
    with pytest.raises(Malformed):
        loads(raw)


def test_a_pair_of_surrogates_is_one_character():
    assert loads(rb'"\ud83d\ude00"') == "\U0001f600"


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not():
    body = b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'
    assert loads(body)
    with pytest.raises(BodyTooLarge) as refused:
        loads(body + b" ")
    assert refused.value.status == 413


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", [b'{"name": NaN}', rb'{"name": "\u0000"}', b'{"name": "a", "name": "b"}', b"x" * 300_000]
)
def test_the_api_answers_with_a_problem(body, back_office):
    answer = back_office.client.post(
        "/api/v1/accounts", body, content_type="application/json",
        headers={"Authorization": f"Bearer {back_office.token}", "Idempotency-Key": "k"},
    )  # fmt: skip
    assert answer.status_code in {400, 413}
    assert answer.json()["code"] in {"malformed", "body_too_large"}
