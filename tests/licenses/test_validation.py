"""What a process remembers of keys and texts never changes an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from licenses.domain.enums import Algorithm
from licenses.services.keys import key_revoke, key_rotate
from licenses.services.lifecycle import license_revoke, license_suspend
from licenses.validation import Question, verdict_for

BY = {"actor": "cli:test"}
# the header of a token by a key that nobody has
HEAD = "eyJhbGciOiJSUzI1NiIsImtpZCI6IkFBQUFBQUFBQUFBQUFBQUEiLCJ0eXAiOiJsaWNlbnNlK2p3dCJ9"


@pytest.fixture
def ask(at):
    return lambda text, **more: verdict_for(Question(text, **more), at=at)


@pytest.mark.parametrize(("form", "algorithm"), [("jwt", Algorithm.RS256), ("lic1", Algorithm.EDDSA)])
def test_a_key_that_came_later_is_known_at_once(ask, granted, issue, form, algorithm):
    """Rotation: no process waits for a restart; LIC1 keys name no key, and are found all the same."""
    row = granted.license
    assert ask(issue(row, format=form).text).ok
    key_rotate(algorithm=algorithm, **BY, at=row.created_at, force=True)
    assert ask(issue(row, format=form).text).ok


def test_a_key_that_is_revoked_is_refused_at_once(ask, granted, rsa_key, at):
    """Trust: revoked keys are refused online, remembered texts included."""
    assert ask(granted.issued.text).ok
    key_revoke(key=rsa_key, reason="leaked", **BY, at=at, force=True)
    assert ask(granted.issued.text).reason == "key_revoked"


@pytest.mark.parametrize(("command", "reason"), [(license_revoke, "revoked"), (license_suspend, "suspended")])
def test_a_license_that_is_withdrawn_is_refused_at_once(ask, granted, at, command, reason):
    """A27, trust 5."""
    assert ask(granted.issued.text).ok
    command(license=granted.license, reason="refund", **BY, at=at)
    assert ask(granted.issued.text).reason == reason


def test_white_space_around_a_text_counts_the_same_before_and_after(ask, granted):
    """A pasted key is read without it, remembered or not."""
    pasted = f"  {granted.issued.text}\n"
    assert ask(pasted).ok
    assert ask(granted.issued.text).ok
    assert ask(pasted).ok


def test_a_second_spelling_is_refused_before_and_after(ask, make_license, issue):
    """Some letters outside ASCII become ASCII ones in upper case: no spelling of a LIC1 key."""
    text = issue(make_license(), format="lic1").text.lower()
    at = text.index("i", 6)
    odd = text[:at] + "\u0131" + text[at + 1 :]
    assert ask(odd).reason == "bad_format"
    assert ask(text).ok
    assert ask(odd).reason == "bad_format"


def test_a_made_up_key_costs_one_small_query(ask, granted, django_assert_num_queries):
    """A stranger cannot make the process read all keys again and again."""
    assert ask(granted.issued.text).ok
    _, body, tail = granted.issued.text.split(".")
    with django_assert_num_queries(1):
        assert not ask(f"{HEAD}.{body}.{tail}").ok


def test_a_text_verifies_though_its_license_has_ended(ask, granted, at):
    """C22: the row says when; the signature never ages."""
    assert ask(granted.issued.text).ok
    late = verdict_for(Question(granted.issued.text), at=at + timedelta(days=800))
    assert late.reason == "expired"
