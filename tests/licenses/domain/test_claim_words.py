from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from licenses.domain.claim_words import claim_lines, claim_pairs

CLAIMS = {
    "iss": "signet", "sub": "C-ACME", "aud": "demo", "lic": "L-1", "jti": "abc", "iat": 1_772_443_800,
    "nbf": 1_772_443_800, "exp": 1_803_979_800, "ver": 1, "kind": "commercial", "edition": "enterprise",
    "plan": "pro", "seats": 25, "nodes": 0, "ent": {"sso": True, "projects": 10}, "warn": 30, "grace": 14,
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(st.sampled_from([*CLAIMS, "fp", "online", "perpetual", "odd"]), JSON)


def said(**changes):
    after = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    return [pair.says for pair in claim_pairs(CLAIMS, after) if pair.says]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("exp", "2027-03-02 09:30 UTC"),
        ("seats", "25"),
        ("nodes", "unlimited"),
        ("machines", "unlimited"),
        ("quantity", "1"),
        ("ent", "sso, projects = 10"),
        ("warn", "30 days"),
        ("fp", "no machine"),
        ("online", "not preferred"),
    ],
)
def test_a_claim_reads_in_words(name, words):
    assert {line.name: line.words for line in claim_lines(CLAIMS)}[name] == words


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seats": 50}, "Seats: 25 → 50, 25 more."),
        ({"seats": 5}, "Seats: 25 → 5, 20 fewer."),
        ({"nodes": 4}, "Nodes: unlimited → 4."),
        ({"machines": 3}, "Machines: unlimited → 3."),
        ({"quantity": 2}, "Count: 1 → 2."),
        ({"exp": CLAIMS["exp"] + 366 * 86_400}, "Ends: 2027-03-02 09:30 UTC → 2028-03-02 09:30 UTC, 366 days later."),
        ({"exp": CLAIMS["exp"] - 86_400}, "Ends: 2027-03-02 09:30 UTC → 2027-03-01 09:30 UTC, 1 day earlier."),
        ({"exp": ..., "perpetual": True}, "Ends: 2027-03-02 09:30 UTC → never."),
        ({"grace": 0}, "Grace after the end: 14 days → 0 days."),
        ({"fp": "ab"}, "Bound to: no machine → SHA-256 ab."),
        ({"online": {"prefer": True, "url": "https://a.example"}},
         "Online validation: not preferred → preferred at https://a.example."),
        ({"ent": {"projects": 20, "audit": True}},
         "Entitlements: audit added, sso taken away, projects from 10 to 20."),
        ({"ent": {"sso": True, "projects": {"value": 9, "exp": 1_803_979_800}}},
         "Entitlements: projects from 10 to 9 until 2027-03-02 09:30 UTC."),
        ({"later": [1]}, "later: none → [1]."),
    ],
)  # fmt: skip
def test_a_difference_is_told_in_words(changes, sentence):
    """E24: what a new snapshot says otherwise than the one before."""
    assert said(**changes) == [sentence]


def test_what_no_two_keys_share_is_no_difference():
    assert said(jti="xyz", iat=CLAIMS["iat"] + 5) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PAYLOADS, PAYLOADS)
def test_nothing_that_can_stand_in_a_key_breaks_it(before, after):
    pairs = claim_pairs(before, after)
    assert [pair.label for pair in pairs] == [line.label for line in claim_lines({**before, **after})]
    assert all(not pair.says for pair in claim_pairs(before, before))
