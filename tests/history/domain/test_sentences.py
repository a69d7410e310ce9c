from __future__ import annotations

import pytest

from history.domain.kinds import Kind
from history.domain.sentences import _TOLD, details, sentence

ISSUED = {"jti": "AbCdEfGhIj", "format": "jwt", "expires_at": "2027-03-02T09:30:00+00:00"}


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("license.issued", ISSUED, "Signed a jwt key (AbCdEfGh…), good until 2027-03-02."),
        ("license.issued", {**ISSUED, "expires_at": None}, "Signed a jwt key (AbCdEfGh…), good until further notice."),
        (
            "license.renewed",
            {**ISSUED, "old_expires_at": "2026-03-02T09:30:00+00:00"},
            "Renewed: the end moved from 2026-03-02 to 2027-03-02; signed a jwt key (AbCdEfGh…).",
        ),
        (
            "license.reissued",
            {**ISSUED, "changed": ["grace_days", "nodes", "seats"], "reason_given": True},
            "Changed grace days, nodes and seats and signed a jwt key (AbCdEfGh…), a reason was given.",
        ),
        (
            "license.reissued",
            {**ISSUED, "changed": []},
            "Signed a jwt key (AbCdEfGh…) again, the terms as they were.",
        ),
        ("license.suspended", {"reason_given": True}, "Suspended, a reason was given."),
        ("license.revoked", {"reason_given": False}, "Revoked for good."),
        ("posture.changed", {"from": "grace", "to": "read_only"}, "Posture went from grace to read-only."),
        (
            "self_license.changed",
            {"guard": "invalid", "reason": "revoked", "entitlements": 0, "signed": 6},
            "What our license grants changed: guard invalid (revoked), 0 of 6 entitlements granted.",
        ),
        ("license.noted", {"note": 3, "change": "deleted"}, "Deleted a note."),
        (
            "license.denied",
            {"reason": "too_many_users", "limit": 10, "used": 11},
            "A deployment refused something: too-many-users (11 of 10).",
        ),
        (
            "installation.changed",
            {"installation": 4, "changed": ["version", "back"]},
            "Installation 4 reports a new version and is counted again.",
        ),
        (
            "node_cap.escalated",
            {"installation": 4, "nodes": 9, "cap": 4, "state": "notice"},
            "Installation 4 still runs over its node cap: 9 nodes, cap 4, now at notice.",
        ),
        ("account.changed", {"fields": ["name", "domain"]}, "Changed name and domain of the account."),
        ("trial.engagement", {"from": "active", "to": "pilot_ready"}, "The trial went from active to pilot-ready."),
        ("trial.started", {"ends_at": "2026-04-01T09:30:00+00:00"}, "The trial began; it ends on 2026-04-01."),
        ("trial.ended", {"outcome": "lost"}, "The trial ended: lost."),
        ("person.changed", {"fields": ["consent", "consent_at", "name"]}, "Changed consent and name of the person."),
        ("task.changed", {"from": "open", "to": "in_progress"}, "Moved the task from open to in-progress."),
        ("task.changed", {"snoozed_until": "2026-04-01"}, "Put the task off until 2026-04-01."),
        ("task.changed", {"fields": ["owner"]}, "Changed owner of the task."),
        ("traffic.counted", {"visits": 1200, "sources": 3}, "1,200 anonymous visits were counted."),
    ],
)  # fmt: skip
def test_an_event_is_told_in_a_sentence(kind, data, said):
    """D7: what happened to a license reads as a sentence."""
    assert sentence(kind, data) == said
    assert details(kind, data) == ""


def test_a_new_license_is_told_with_its_terms():
    data = {
        "product": "demo", "plan": "pro", "kind": "commercial", "edition": "enterprise", "internal": True,
        "quantity": 1, "seats": 1200, "nodes": 0, "expires_at": None,
    }  # fmt: skip
    assert sentence("license.created", data) == (
        "Made a commercial license of demo, plan pro (enterprise, internal): 1,200 seats, unlimited nodes, "
        "until further notice."
    )


@pytest.mark.parametrize("kind", _TOLD)
@pytest.mark.parametrize(
    "data", [{}, {"changed": 1}, {"fields": None}, {"from": {}, "to": []}, {"jti": None}]
)
def test_data_of_another_version_falls_back_to_the_kind(kind, data):
    assert sentence(kind, data)


def test_what_the_sentence_does_not_tell_stands_beside_it():
    data = {"algorithm": "EdDSA", "product": None, "force": True, "affected": [1, 2], "more": {"a": 1}}
    assert sentence("key.revoked", data) == Kind.KEY_REVOKED.sentence
    assert details("key.revoked", data) == (
        "algorithm: EdDSA, product: none, force: yes, affected: 1, 2, more: {…}"
    )


def test_a_kind_of_a_newer_version_says_nothing_and_shows_its_data():
    assert (sentence("moon.landed", {"crew": 3}), details("moon.landed", {"crew": 3})) == ("", "crew: 3")
