"""Rows of uploaded tables, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.domain import cells
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Kind
from licenses.domain.rows import LEGACY_COLUMNS, ORDER_COLUMNS, legacy_row, order_row

LEGACY = {"product": "demo", "legacy_key": "OLD-1", "account": "acme", "plan": "pro", "starts": "2020-01-01",
          "ends": "2027-12-31"}  # fmt: skip


def codes(row):
    return {problem.field: problem.code for problem in row[1]}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-12-31", datetime(2027, 12, 31, tzinfo=UTC)),
        ("2027-12-31 18:30", datetime(2027, 12, 31, 18, 30, tzinfo=UTC)),
        ("2027-12-31T18:30:05Z", datetime(2027, 12, 31, 18, 30, 5, tzinfo=UTC)),
        ("2027-12-31T18:30:05.25+02:00", datetime(2027, 12, 31, 16, 30, 5, tzinfo=UTC)),
    ],
)
def test_a_day_has_one_spelling(text, at):
    """D1"""
    assert cells.instant(text) == at


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("46387", "spreadsheet_day", "2026-12-31"),
        ("46387,5", "spreadsheet_day", "2026-12-31"),
        ("31.12.2027", "ambiguous_day", "2027-12-31"),
        ("12/31/2027", "ambiguous_day", "2027-12-31"),
        ("2027-02-30", "no_such_day", "calendar"),
        ("9999-12-31T23:59:59-23:00", "no_such_day", "calendar"),
        ("soon", "not_a_day", "2027-12-31"),
    ],
)
def test_any_other_day_is_answered_by_how_to_write_it(text, code, words):
    """D1: a spreadsheet's number of a day is named as what it is."""
    with pytest.raises(cells.CellError) as refused:
        cells.instant(text)
    assert refused.value.reason == code
    assert words in refused.value.detail


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("Unlimited", 0), ("\u221e", 0)])
def test_a_whole_number_is_read(text, number):
    assert cells.whole(text) == number


@pytest.mark.parametrize("text", ["1,000", "5.0", "-1", "\u0663", "9" * 13, "x"])
def test_anything_else_is_no_whole_number(text):
    with pytest.raises(cells.CellError):
        cells.whole(text)


@pytest.mark.parametrize(("text", "truth"), [("Yes", True), ("x", True), ("0", False), ("FALSE", False)])
def test_yes_and_no_are_read(text, truth):
    assert cells.truth(text) is truth


def test_entitlements_are_slugs_and_values():
    """D6"""
    assert cells.entitlements("sso, projects=20;tier=gold beta=false") == {
        "sso": True,
        "projects": 20,
        "tier": "gold",
        "beta": False,
    }


@pytest.mark.parametrize("text", ["SSO", "sso sso", "=3"])
def test_what_is_no_entitlement_is_refused(text):
    with pytest.raises(cells.CellError):
        cells.entitlements(text)


def test_a_legacy_row_is_read():
    """D1"""
    row, problems = legacy_row({**LEGACY, "kind": "Test", "seats": "5", "internal": "yes", "creator": "Kim"})
    assert problems == []
    assert (row.kind, row.internal, row.creator) == (Kind.TEST, True, "Kim")
    assert row.terms == {
        "seats": 5,
        "starts_at": datetime(2020, 1, 1, tzinfo=UTC),
        "expires_at": datetime(2027, 12, 31, tzinfo=UTC),
    }


def test_an_end_may_be_perpetual_and_is_never_assumed():
    """D1: an empty end could be a slip that makes a license valid for ever."""
    row, _ = legacy_row({**LEGACY, "ends": "Perpetual"})
    assert row.terms["perpetual"] is True
    assert codes(legacy_row({name: text for name, text in LEGACY.items() if name != "ends"})) == {
        "ends": "required"
    }


def test_every_problem_of_a_row_is_told_at_once():
    """D1"""
    given_ = {"product": "demo", "legacy_key": "x" * 201, "seats": "many", "kind": "gold", "starts": "1.1.20"}
    assert codes(legacy_row(given_)) == {
        "legacy_key": "too_long",
        "seats": "not_integer",
        "kind": "unknown",
        "starts": "ambiguous_day",
        "plan": "required",
        "ends": "required",
        "account": "required",
    }


def test_a_row_of_an_order_needs_its_account_alone():
    """D3"""
    row, _ = order_row({"account": "acme"})
    assert (row.account, row.plan, row.terms) == ("acme", "", {})
    assert codes(order_row({"plan": "pro"})) == {"account": "required"}


def test_an_end_and_days_contradict_each_other():
    """D6"""
    assert codes(order_row({"account": "acme", "days": "30", "ends": "2027-01-01"})) == {"days": "one_of"}


def test_a_fingerprint_is_kept_as_its_hash():
    """D6: and one that is a hash already stays."""
    hashed = fingerprint_hash("laptop")
    for text in ("laptop", hashed):
        row, _ = order_row({"account": "acme", "fingerprint": text})
        assert row.terms == {"fingerprint_sha256": hashed}


@given(st.dictionaries(st.sampled_from(LEGACY_COLUMNS), st.text(min_size=1)))
def test_no_legacy_row_is_more_than_refused(row):
    """D1"""
    read, problems = legacy_row(row)
    assert (read is None) is bool(problems)


@given(st.dictionaries(st.sampled_from(ORDER_COLUMNS), st.text(min_size=1)))
def test_no_order_is_more_than_refused(row):
    read, problems = order_row(row)
    assert (read is None) is bool(problems)
