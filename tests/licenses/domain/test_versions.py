"""Versions: one spelling, and the order of Semantic Versioning 2.0.0."""

from __future__ import annotations

from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.domain.versions import MAX_PRECEDENCE, MAX_VERSION, VersionError, parse_version

# section 11 of the specification, with what it says of numbers and of words
IN_ORDER = [
    "0.0.9", "0.9.0", "1.0.0-0", "1.0.0-9", "1.0.0-10", "1.0.0--", "1.0.0-A", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-beta1", "1.0.0-rc.1", "1.0.0", "1.0.1",
    "1.2.0", "1.10.0", "2.0.0-0a", "2.0.0", "10.0.0",
]  # fmt: skip


def test_versions_sort_as_the_specification_says():
    """E32: which release is newer; 9 before 10, numbers before words, a pre-release before its release."""
    shuffled = sorted(IN_ORDER)
    assert sorted(shuffled, key=lambda text: parse_version(text).precedence) == IN_ORDER
    assert parse_version("1.0.0+linux").precedence == parse_version("1.0.0+mac").precedence


@pytest.mark.parametrize(
    "text",
    ["v1.0.0", "1.0", "1", "1.0.0.0", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0+", "1.0.0-a..b", " 1.0.0", "1.0.0\n",
     "1.0.0-ä", "\u0661.0.0", "1.0.0+a+b", "", f"1.0.{'9' * MAX_VERSION}", None],
)  # fmt: skip
def test_what_is_spelled_otherwise_is_no_version(text):
    """E32."""
    with pytest.raises(VersionError):
        parse_version(text)


identifier = st.one_of(
    st.integers(0, 10**12).map(str), st.from_regex(r"[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,4}", fullmatch=True)
)
version = st.builds(
    lambda numbers, tail: ".".join(map(str, numbers)) + (f"-{'.'.join(tail)}" if tail else ""),
    st.tuples(*[st.integers(0, 10**6)] * 3),
    st.lists(identifier, max_size=3),
).filter(lambda text: len(text) <= MAX_VERSION)


def compared(one: str, other: str) -> int:
    """Section 11, item by item, as it is written."""

    def key(text):
        core, _, tail = text.partition("-")
        parts = [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in tail.split(".")] if tail else []
        return [int(n) for n in core.split(".")], not tail, parts

    return (key(one) > key(other)) - (key(one) < key(other))


@given(st.lists(version, min_size=2, max_size=6))
def test_the_stored_text_agrees_with_the_rule(texts):
    """E32: the database sorts by it, whatever its collation."""
    keys = [parse_version(text).precedence for text in texts]
    assert max(map(len, keys)) <= MAX_PRECEDENCE
    by_rule = sorted(texts, key=cmp_to_key(compared))
    assert [parse_version(text).precedence for text in by_rule] == sorted(keys)


def test_the_longest_version_fits_its_column():
    longest = "0.0.0-" + ".".join("a" * 29)
    assert len(longest) <= MAX_VERSION
    assert len(parse_version(longest).precedence) <= MAX_PRECEDENCE
