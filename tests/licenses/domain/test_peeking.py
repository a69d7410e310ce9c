from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from licenses.domain.claim_words import claim_lines
from licenses.domain.formats import MAX_TEXT
from licenses.domain.peeking import peek


def b64(value) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_token_is_read_whoever_signed_it():
    found = peek(f"  {b64({'alg': 'none', 'kid': 'x'})}.{b64({'seats': 5})}.  ")
    assert (found.header, found.payload) == ({"alg": "none", "kid": "x"}, {"seats": 5})


def test_a_truncated_token_is_read_as_far_as_it_goes():
    found = peek(f"{b64({'alg': 'RS256'})}.{b64({'seats': 5})[:4]}")
    assert (found.header, found.payload) == ({"alg": "RS256"}, None)


def test_an_envelope_is_read_whatever_its_signature():
    payload = base64.b64encode(json.dumps({"lic": "L-1"}).encode()).decode()
    found = peek(json.dumps({"format": "signet-license/1", "alg": "RS256", "payload": payload}))
    assert found.header == {"format": "signet-license/1", "alg": "RS256"}
    assert found.payload == {"lic": "L-1"}


@pytest.mark.parametrize(
    "text", ["", "nonsense", "LIC1-A-B", "a.b.c", "{}", "{", "[1]", "ey", "x" * (MAX_TEXT + 1)]
)
def test_what_is_no_key_says_nothing(text):
    found = peek(text)
    assert found.payload is None


@pytest.mark.parametrize("body", [b'{"a": "\\ud800"}', b'{"a": "\xff"}', b'{"a": NaN}', b"[" * 9000])
def test_what_json_or_utf_8_cannot_say_does_no_harm(body):
    """What is shown must be writable as UTF-8."""
    found = peek(f"{b64({})}.{b64(body)}.x")
    for line in claim_lines(found.payload or {}):
        line.words.encode("utf-8")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: f"{b64(data)}.{b64(data)}.{b64(data)}"))
def test_no_text_breaks_it(text):
    peek(text)
    peek(f"LIC1-{text}")
    peek(f"{{{text}")
