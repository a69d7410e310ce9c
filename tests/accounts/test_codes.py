"""One-time codes and recovery codes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from accounts import codes

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924")],
)
def test_codes_are_those_of_the_standard(seconds, code):
    """D15: RFC 6238, appendix B, cut to six digits."""
    at = datetime.fromtimestamp(seconds, UTC)
    assert codes.code_at(SECRET, at) == code
    assert codes.step_of(SECRET, code, at=at) == seconds // codes.STEP


@pytest.mark.parametrize(("off", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_phone_may_be_half_a_minute_off(at, off, taken):
    code = codes.code_at(SECRET, at + timedelta(seconds=off))
    assert (codes.step_of(SECRET, code, at=at) is not None) is taken


def test_a_step_that_was_used_counts_no_more(at):
    code = codes.code_at(SECRET, at)
    step = codes.step_of(SECRET, code, at=at)
    assert codes.step_of(SECRET, code, at=at, after=step - 1) == step
    assert codes.step_of(SECRET, code, at=at, after=step) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12345a", "-12345", "1e5000"])
def test_what_is_no_code_is_refused(at, typed):
    assert codes.step_of(SECRET, typed, at=at) is None


def test_gaps_in_a_code_do_not_matter(at):
    code = codes.code_at(SECRET, at)
    assert codes.step_of(SECRET, f" {code[:3]} {code[3:]} ", at=at) is not None
    assert codes.recovery_hash("MFRA 2x7q-w4zeq5ab") == codes.recovery_hash("mfra-2x7q-w4ze-q5ab")


def test_recovery_codes_are_ten_and_hard_to_guess():
    made = codes.recovery_codes_new()
    assert len(set(made)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in made)
    assert not any(codes.is_app_code(code) for code in made)


def test_waiting_begins_with_the_third_wrong_code_and_doubles_to_a_quarter_of_an_hour():
    waits = [codes.wait_after(failures).total_seconds() for failures in range(6)]
    assert waits == [0, 0, 0, 2, 4, 8]
    assert codes.wait_after(1000) == timedelta(minutes=15)


def test_the_uri_names_issuer_and_user_whatever_their_letters():
    uri = codes.secret_uri(SECRET, issuer="Signet: ünits", name="jane+a@signet.example")
    assert uri.startswith("otpauth://totp/Signet%20%C3%BCnits%3Ajane%2Ba%40signet.example?secret=GEZDGNBV")
    assert uri.endswith("&issuer=Signet%20%C3%BCnits")
