"""Evidence over HTTP: who may, what is refused and where, and what never gets in or out."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import pytest

from history.models import Event
from licenses.selectors import latest_issuance
from licenses.services.artifacts import artifact_text
from tests.trials.api.evidence_way import Way
from tests.trials.services.evidence.test_export import SCHEMA
from trials.models import EvidencePackage
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def way(api, make_key, running, clock):
    """The chain of a trial that ran out: a support key writes, a full-admin key decides."""
    late = running.ends_at + timedelta(hours=1)
    clock.set(late)
    trial_sweep(at=late)
    return Way(api.as_(make_key("support")), api.as_(make_key("full-admin")), running, late)


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_drafting_twice_under_one_key_is_one_draft(way):
    """B16, B17: the answer of the first call comes again."""
    first, again = (way.writer.post(way.base, key="one") for _ in range(2))
    assert (first.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert [package["stage"] for package in first.json()["packages"]] == ["access", "expiry", "follow_up"]
    assert first.json()["openable"] == ["conversion", "closeout"]
    assert EvidencePackage.objects.count() == 3


def test_reading_writing_and_deciding_have_a_scope_each(way, viewer):
    """B19."""
    way.writer.post(way.base)
    assert viewer.get(way.base).status_code == 200
    assert code(viewer.post(way.base)) == (403, "missing_scope")
    assert code(viewer.patch(way.path("expiry"), {"values": {}})) == (403, "missing_scope")
    decision = {"digest": way.read("expiry")["digest"], "approved": True}
    assert code(way.writer.post(way.path("expiry/decide"), decision)) == (403, "missing_scope")
    assert code(way.writer.post(way.path("graces"), {"until": way.until})) == (403, "missing_scope")


def test_a_key_does_not_decide_on_what_it_wrote(way):
    """B19: four eyes, also when somebody else wrote last."""
    way.writer.post(way.base)
    way._expiry()
    way.approver.patch(way.path("expiry"), {"values": {"escalation_ref": "CS-2"}})
    way.change("expiry", action_owner_ref="user:2")
    decision = {"digest": way.read("expiry")["digest"], "approved": True}
    assert code(way.approver.post(way.path("expiry/decide"), decision)) == (403, "four_eyes")


def test_a_decision_is_bound_to_what_was_read(way):
    """B8, B13, B19."""
    way.writer.post(way.base)
    read = {"digest": way.read("expiry")["digest"], "approved": True}
    blocked = way.approver.post(way.path("expiry/decide"), read)
    assert (code(blocked), blocked.json()["blockers"][0]) == ((409, "package_blocked"), "outcome_invalid")
    way._expiry()
    assert code(way.approver.post(way.path("expiry/decide"), read)) == (409, "digest_differs")


def test_refusals_point_at_the_member(way):
    """B1, B13, B14, B21: nothing is kept when one of them is refused."""
    way.writer.post(way.base)
    given = {
        "action_owner_ref": "ann@example.com",
        "outcome": "gone",
        "action_at": "0001-01-01T00:00:00+14:00",
    }
    refused = way.writer.patch(way.path("expiry"), {"values": given})
    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("/values/action_owner_ref", "email_address"),
        ("/values/outcome", "unknown_word"),
        ("/values/action_at", "not_an_instant"),
    }
    other = way.writer.post(way.path("follow_up/notify"), {"channel": "pigeon"})
    assert other.json()["errors"][0]["pointer"] == "/channel"
    untracked = way.writer.post(way.path("follow_up/notify"), {"channel": "support_ticket"})
    assert untracked.json()["errors"][0]["pointer"] == "/tracking_ref"


def test_stages_begin_in_their_order_and_others_are_not_there(way):
    """B2."""
    assert code(way.writer.post(way.path("activation"))) == (409, "predecessor_missing")
    assert code(way.writer.get(way.path("expiry"))) == (404, "no_evidence_package")
    assert way.writer.get(way.path("nonsense")).status_code == 404


def test_evidence_of_another_account_is_not_found(way, api, make_key, customer):
    way.writer.post(way.base)
    stranger = api.as_(make_key("support", account=customer))
    assert stranger.get(way.base).status_code == 404
    assert stranger.get("/api/v1/evidence/packages").json()["results"] == []


def test_the_lists_over_all_trials(way, clock):
    """B17, B19: inbox, packages by stage and standing, and the report."""
    silent = "/api/v1/evidence/expired-without-follow-up"
    assert len(way.writer.get(silent).json()["results"]) == 1
    way.writer.post(way.base)
    assert way.writer.get(silent).json()["results"] == []
    way._expiry()
    inbox = way.writer.get("/api/v1/evidence/inbox").json()["results"]
    assert [row["stage"] for row in inbox] == ["expiry"]
    told = way.writer.get("/api/v1/evidence/packages", stage="follow_up", standing="blocked").json()[
        "results"
    ]
    assert told[0]["blockers"] == way.codes("follow_up")
    clock.advance(timedelta(days=3))
    assert len(way.writer.get(silent).json()["results"]) == 1


@pytest.mark.parametrize("by", ["format", "accept"])
def test_the_export_is_json_or_markdown(way, by):
    """B20, B21."""
    way.writer.post(way.base)
    document = way.writer.get(way.path("export"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document.json())
    if by == "format":
        text = way.writer.get(way.path("export"), format="markdown")
    else:
        headers = {"Authorization": f"Bearer {way.writer.token}", "Accept": "text/markdown"}
        text = way.writer.client.get(way.path("export"), headers=headers)
    assert text.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert text.content.startswith(b"# Evidence of trial:")
    assert code(way.writer.get(way.path("export"), format="pdf")) == (400, "invalid")


def test_nothing_forbidden_comes_in_or_is_written_down(way, running, caplog):
    """B20, B21: one canary a class, into a member, a handoff, a proof and a comment; none in export, log or event."""
    way.writer.post(way.base)
    way._expiry()
    key = artifact_text(issuance=latest_issuance(running.license), actor="user:1", at=running.ends_at)
    canaries = [
        "Ann Canary, 12 Main Street", "xoxb-canary-1234567890", key, "-----BEGIN PRIVATE KEY----- canary",
        "ghp_canaryCANARY0123456789canaryCANARY01", "https://tenant:canary@db.example.com/x",
        "def license_issue(canary): return 1", "UEsDBBQACAgI" + "Zk39dkfL" * 6, "policy_pack { canary = true }",
        "ann@canary.example",
    ]  # fmt: skip
    digest = way.read("expiry")["digest"]
    for text in canaries:
        bodies = [
            ("patch", "expiry", {"values": {"escalation_ref": text}}),
            ("put", "follow_up/handoffs/sales", {"owner_ref": text}),
            ("post", "follow_up/notify", {"channel": "crm_task", "tracking_ref": text}),
            ("post", "checks", {"check": "package_pull", "result": "blocked", "reference": text}),
        ]
        for method, path, body in bodies:
            assert way.writer._send(method, way.path(path), body).status_code == 400, (path, text[:20])
    for secret in (canaries[1], canaries[4], canaries[9]):
        decision = {"digest": digest, "approved": True, "comment": f"see {secret}"}
        assert way.approver.post(way.path("expiry/decide"), decision).status_code == 400
    shown = way.writer.get(way.path("export")).content.decode() + caplog.text
    shown += way.writer.get(way.path("export"), format="markdown").content.decode()
    shown += json.dumps(list(Event.objects.values_list("data", flat=True)))
    assert "anary" not in shown
    assert "UEsDBBQACAgI" not in shown
    assert key not in shown
