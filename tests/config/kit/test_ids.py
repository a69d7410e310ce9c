"""Identifiers."""

from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kit import ids


def test_a_uuid7_has_version_and_variant_of_rfc_9562():
    uid = ids.uuid7()
    assert (uid.version, uid.variant) == (7, uuid.RFC_4122)


def test_uuids_of_later_milliseconds_sort_later(monkeypatch):
    made = []
    for millisecond in (1, 2, 1_700_000_000_000, 2**47):
        monkeypatch.setattr(ids.time, "time_ns", lambda at=millisecond: at * 1_000_000)
        made.append(ids.uuid7())
    assert made == sorted(made)


def test_uuids_never_repeat():
    assert len({ids.uuid7() for _ in range(10_000)}) == 10_000


@given(st.uuids())
def test_a_license_id_reads_back_in_any_case(uid):
    text = ids.license_id(uid)
    assert len(text) == 28
    assert ids.parse_license_id(text) == ids.parse_license_id(text.lower()) == uid


@given(st.uuids())
def test_a_license_id_is_the_base32_of_rfc_4648(uid):
    assert ids.license_id(uid) == "L-" + base64.b32encode(uid.bytes).decode().rstrip("=")


@given(st.text(max_size=40))
def test_any_text_is_a_license_id_or_none(text):
    uid = ids.parse_license_id(text)
    assert uid is None or ids.license_id(uid) == text.upper()


@pytest.mark.parametrize(
    "text", ["", "L-", "L-" + "A" * 25, "L-" + "A" * 27, "X-" + "A" * 26, "L-" + "1" * 26]
)
def test_what_is_no_license_id_is_none(text):
    assert ids.parse_license_id(text) is None


def test_a_second_spelling_of_the_same_id_is_none():
    """The last character holds two bits that are not used: only zeros are the id."""
    text = ids.license_id(uuid.UUID(int=0))
    assert ids.parse_license_id(text[:-1] + "B") is None
