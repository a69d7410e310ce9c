from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from history.domain.canonical import DEEPEST, LARGEST_INTEGER, NotCanonicalError, canonical

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


@given(values)
def test_the_fast_way_and_the_reference_write_the_same_bytes(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(st.recursive(st.booleans() | texts | st.floats(-1e9, 1e9), st.lists))
def test_what_is_written_reads_back_to_the_same_form(value):
    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_names_are_sorted_by_utf16_as_rfc_8785_shows():
    """RFC 8785 §3.2.3: the euro sign, a control character, and a character beyond the BMP in their order."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = json.loads(canonical(dict.fromkeys(names, 0)), object_pairs_hook=list)
    assert [name for name, _ in written] == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_numbers_are_written_as_rfc_8785_shows():
    """RFC 8785 appendix B."""
    assert canonical([1e21, 1e-7, 4.50, 0.000001, 333333333.33333329, -0.0]) == (
        b"[1e+21,1e-7,4.5,0.000001,333333333.3333333,0]"
    )


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        "nul\0",
        {"nul\0": 1},
        ["\u00e9", {"\u00e9": "nul\0"}],
        {1: "a name that is no text"},
        {"t": object()},
        b"bytes",
    ],
)
def test_what_has_no_certain_form_is_refused(value):
    with pytest.raises(NotCanonicalError):
        canonical({"value": value})


def test_a_backslash_before_u0000_is_not_taken_for_nul():
    assert canonical("\\u0000") == b'"\\\\u0000"'


@pytest.mark.parametrize("leaf", [1, 1.5, "\u00e9"])
def test_nesting_is_bounded(leaf):
    value = leaf
    for _ in range(DEEPEST):
        value = [value]
    assert canonical(value)
    with pytest.raises(NotCanonicalError):
        canonical([value])
