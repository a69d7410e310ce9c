from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.domain.screening import (
    DEEPEST,
    EITHER,
    MOST_MEMBERS,
    UnfitError,
    check_account,
    check_actor,
    check_data,
    check_subject,
)

GOOD = {
    "license": "L-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "sha256": "ab" * 32,
    "uid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "kid": "Zm9vYmFyMTIzNDU2",
    "version": "10.4.2.1",
    "seats": 10,
    "perpetual": False,
    "until": None,
    "formats": ["jwt", "lic1"],
    "limits": {"nodes": 3},
    "plan": "Größe „Enterprise“",
}


@pytest.mark.parametrize(
    "value",
    [
        "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJzaWduZXQifQ.c2lnbmF0dXJl",
        "token=eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJzaWduZXQifQ.",
        "LIC1-AAAAAAAA-BBBBBBBB",
        "lic1-aaaaaaaa-bbbbbbbb",
        "-----BEGIN PRIVATE KEY-----",
        "ada@example.com",
        "Ada <ada@example.com>",
        "https://user:secret@example.com/",
        "sgk_0123456789",
        "whsec_0123456789",
        "sk_live_0123456789",
        "Bearer 0123456789abcdef",
        "x" * 201,
        "line\nbreak",
        "nul\0",
        "\ud800",
        1.5,
        float("nan"),
        2**53,
        b"bytes",
        {1: 2},
        {"": 1},
        {"n" * 65: 1},
        {"ada@example.com": 1},
        object(),
    ],
)
def test_data_that_could_be_secret_personal_or_unstable_is_refused(value):
    check_data(GOOD)
    with pytest.raises(UnfitError):
        check_data(GOOD | {"extra": value})
    with pytest.raises(UnfitError):
        check_data(GOOD | {"extra": [{"deep": value}]})


def test_the_reason_does_not_repeat_the_secret():
    with pytest.raises(UnfitError) as caught:
        check_data({"key": "sgk_0123456789"})
    assert "0123456789" not in str(caught.value)


def test_nesting_and_size_are_bounded():
    value = 1
    for _ in range(DEEPEST):
        value = {"in": value}
    check_data(value)
    with pytest.raises(UnfitError, match="nested"):
        check_data({"in": value})
    with pytest.raises(UnfitError, match="at most"):
        check_data({"many": [1] * 300})


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_data_is_an_object(data):
    with pytest.raises(UnfitError):
        check_data(data)


@pytest.mark.parametrize("subject", ["license:L-ABC", "user:7", "api-key:abcd", "checkpoint-key:0a1b2c3d"])
def test_a_subject_is_a_type_and_an_id(subject):
    check_subject(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "license",
        "license:",
        "License:L-1",
        ":L-1",
        "user:ada@example.com",
        "license:a b",
        "key:" + "x" * 200,
    ],
)
def test_what_is_no_subject_is_refused(subject):
    with pytest.raises(UnfitError):
        check_subject(subject)


@pytest.mark.parametrize("actor", ["user:7", "system:history.checkpoint", "cli:root", "jwt:dashboard user 7"])
def test_an_actor_is_a_type_and_a_name(actor):
    check_actor(actor)


@pytest.mark.parametrize("actor", ["", "root", "jwt:eyJhbGciOiJFZERTQSJ9.e30.c2ln", "user:\n7"])
def test_what_is_no_actor_is_refused(actor):
    with pytest.raises(UnfitError):
        check_actor(actor)


def test_an_account_is_a_customer_id_or_nothing():
    check_account("")
    check_account("C-ABCDEFGHIJKLMNOP")
    for account in ("ada@example.com", "x" * 65):
        with pytest.raises(UnfitError):
            check_account(account)


@given(st.sampled_from(sorted(EITHER)).flatmap(lambda what: st.from_regex(EITHER[what])))
def test_the_first_look_lets_nothing_through_that_a_pattern_refuses(text):
    with pytest.raises(UnfitError):
        check_data({"x": text})


def test_an_event_holds_so_many_values_and_no_more():
    check_data({f"n{number}": "x" for number in range(MOST_MEMBERS - 1)})
    with pytest.raises(UnfitError):
        check_data({f"n{number}": "x" for number in range(MOST_MEMBERS)})
    with pytest.raises(UnfitError):
        check_data({"many": [1] * (MOST_MEMBERS - 1)})
