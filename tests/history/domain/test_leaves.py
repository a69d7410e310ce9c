from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from history.domain.canonical import NotCanonicalError
from history.domain.leaves import Row, event_leaf, instant, leaf

UID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
ROW = Row(
    uid=str(UID),
    kind="license.issued",
    subject="license:L-1",
    account="C-1",
    actor="user:7",
    data='{"b": 1, "a": "x"}',
    at="2026-03-01 12:00:00.5",
    recorded_at="2026-03-01T12:00:01.000000Z",
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
columns = {
    "uid": st.uuids(),
    "kind": texts,
    "subject": texts,
    "account": texts,
    "actor": texts,
    "data": st.dictionaries(texts, st.integers(-(2**53) + 1, 2**53 - 1) | texts | st.booleans()),
    "at": st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 - hypothesis wants it naive
    "recorded_at": st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 - as above
}


@given(**columns)
def test_a_leaf_is_the_canonical_form_of_its_event(**values):
    expected = values | {
        "uid": str(values["uid"]),
        "at": instant(values["at"]),
        "recorded_at": instant(values["recorded_at"]),
        "v": 1,
    }
    assert event_leaf(**values) == rfc8785.dumps(expected)


def test_databases_spell_an_event_differently_and_its_leaf_is_one():
    other = ROW._replace(
        uid=UID.hex,
        data='{"a":"x","b":1}',
        at="2026-03-01T12:00:00.500000Z",
        recorded_at="2026-03-01 12:00:01+00",
    )
    assert leaf(other) == leaf(ROW)
    assert json.loads(leaf(ROW))["at"] == "2026-03-01T12:00:00.500000Z"


def test_an_instant_is_written_in_utc():
    east = datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert instant(east) == "2026-03-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    "change",
    [
        {"at": "2026-03-01 12:00:00+02"},
        {"at": "yesterday"},
        {"recorded_at": ""},
        {"uid": "7"},
        {"data": "{"},
        {"data": "NaN"},
        {"data": '{"a": 1e999}'},
        {"data": '{"a": 9007199254740993}'},
        {"data": '{"a": "\\ud800"}'},
        {"data": "[" * 100_000},
        {"data": None},
        {"subject": None},
        {"subject": "\ud800"},
    ],
)
def test_a_row_that_is_no_event_has_no_leaf(change):
    with pytest.raises(NotCanonicalError):
        leaf(ROW._replace(**change))
